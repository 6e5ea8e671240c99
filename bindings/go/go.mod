module github.com/melu-rs/melu/bindings/go

go 1.24

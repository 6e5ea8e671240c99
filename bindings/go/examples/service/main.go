// Command service keeps what people answer, asks and recommends, over HTTP.
//
//	service [-address localhost:8080] [-users users.db] [-site FOLDER] MODEL
//
// SIGHUP opens the weight file anew. SIGTERM and SIGINT let the requests in progress finish,
// and end the service. README.md has the endpoints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// How long a request may take, by what it waits for. A request that computes takes
// milliseconds: the rest is the network's.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = 20 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 30 * time.Second
)

const maxHeaderBytes = 16 << 10

func main() {
	address := flag.String("address", "localhost:8080", "where to listen; port 0 is any that is free")
	users := flag.String("users", "users.db", "the SQLite database that keeps the users")
	site := flag.String("site", "", "a folder of static files to serve at /")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: service [-address HOST:PORT] [-users FILE] [-site FOLDER] MODEL")
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err := run(*address, *users, *site, flag.Arg(0)); err != nil {
		slog.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
	slog.Info("stopped")
}

// run serves until a signal ends it.
func run(address, users, site, path string) error {
	// From here on no signal is lost, nor ends the process in the middle of something.
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	measured := newMetrics()
	models, err := openModels(path, measured)
	if err != nil {
		return err
	}
	store, err := openStore(users, measured)
	if err != nil {
		return err
	}
	handler, err := newHandler(newPeople(store, measured), models, measured, site)
	if err != nil {
		return errors.Join(err, store.close())
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, store.close())
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String())

	for {
		select {
		case <-hangup:
			models.swap()
		case err := <-failed:
			return errors.Join(err, store.close())
		case <-ending.Done():
			slog.Info("stopping")
			patience, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
			defer cancel()
			if err := server.Shutdown(patience); err != nil {
				// Requests still use the store, and what it acknowledged is on disk.
				return err
			}
			return store.close()
		}
	}
}

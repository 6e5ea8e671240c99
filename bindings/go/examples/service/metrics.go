package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what Prometheus collects, beside the Go runtime's and the process's own.
type metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.HistogramVec
	inProgress    prometheus.Gauge
	commitSeconds prometheus.Histogram
	commitChanges prometheus.Histogram
	swaps         *prometheus.CounterVec
	adaptedAnew   prometheus.Counter
	unknownValues prometheus.Counter
	items         prometheus.Gauge
	opened        prometheus.Gauge
}

func newMetrics() *metrics {
	// From a tenth of a millisecond, what a recommendation takes, to what a slow disk takes.
	seconds := prometheus.ExponentialBuckets(0.0001, 2, 15)
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "melu_http_request_seconds", Buckets: seconds,
			Help: "Time from a request's header to the end of its response.",
		}, []string{"route", "status"}),
		inProgress: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "melu_http_requests_in_progress", Help: "Requests that are being answered.",
		}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "melu_commit_seconds", Buckets: seconds,
			Help: "Time of a transaction, with waiting for the disk.",
		}),
		commitChanges: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "melu_commit_changes", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
			Help: "Changes of users that shared a transaction.",
		}),
		swaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "melu_model_swaps_total", Help: "Weight files opened on SIGHUP, by result.",
		}, []string{"result"}),
		adaptedAnew: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "melu_users_adapted_anew_total",
			Help: "Times that a user whom another model saved was loaded.",
		}),
		unknownValues: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "melu_unknown_profile_values_total",
			Help: "Values of new users' profiles that the model does not know.",
		}),
		items: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "melu_catalog_items", Help: "Items of the current model.",
		}),
		opened: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "melu_model_opened_timestamp_seconds", Help: "When the current model was opened.",
		}),
	}
	m.registry.MustRegister(
		m.requests, m.inProgress, m.commitSeconds, m.commitChanges, m.swaps, m.adaptedAnew,
		m.unknownValues, m.items, m.opened,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Demo is a small bookshop with a load generator, made to be watched while it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/demo/api"
	"example.com/demo/internal/clock"
	"example.com/demo/load"
	"example.com/demo/scheduler"
	"example.com/demo/worker"
)

type options struct {
	addr    string
	load    bool
	script  string
	seed    int64
	tied    bool
	verbose bool
}

func main() {
	var opts options
	flag.StringVar(&opts.addr, "addr", "127.0.0.1:0", "listen on this `address`")
	flag.BoolVar(&opts.load, "load", false, "walk through the shop's features for as long as it runs")
	flag.StringVar(&opts.script, "script", "", "run the requests in `file` one at a time, then exit")
	flag.Int64Var(&opts.seed, "seed", 1, "seed of the load generator")
	flag.BoolVar(&opts.tied, "tied", false, "stop when standard input ends, as it does with whoever started it")
	flag.BoolVar(&opts.verbose, "verbose", false, "log requests and acts to standard error")
	flag.Parse()

	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(opts options) error {
	logger := newLogger(opts.verbose)
	if opts.script != "" {
		return runScript(opts.script, logger)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if opts.tied {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	return serve(ctx, opts, logger)
}

func newLogger(verbose bool) *slog.Logger {
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// runScript drives the shop without network, timers or other goroutines, so that every run
// executes the same statements equally often.
func runScript(path string, logger *slog.Logger) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()

	manual := clock.NewManual(time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC))
	shop := api.NewShop(manual, worker.Inline{}, logger)
	jobs := scheduler.New(manual)
	shop.Schedule(jobs)
	return load.RunScript(file, path, shop.Handler(), manual, jobs)
}

func serve(ctx context.Context, opts options, logger *slog.Logger) error {
	pool := worker.NewPool(4, 64)
	defer pool.Close()

	wall := clock.Wall{}
	shop := api.NewShop(wall, pool, logger)
	jobs := scheduler.New(wall)
	shop.Schedule(jobs)

	listener, err := net.Listen("tcp", opts.addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: shop.Handler(), ReadHeaderTimeout: 5 * time.Second}
	logger.Info("listening", "url", "http://"+listener.Addr().String())

	go jobs.Run(ctx, 250*time.Millisecond)
	if opts.load {
		generator := load.New("http://"+listener.Addr().String(), opts.seed, logger)
		go generator.Run(ctx)
	}

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	shutdown, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(shutdown); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

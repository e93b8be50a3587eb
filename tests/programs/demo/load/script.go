package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/demo/internal/clock"
	"example.com/demo/scheduler"
)

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

type player struct {
	handler http.Handler
	clock   *clock.Manual
	jobs    *scheduler.Scheduler
	tokens  map[string]string
	user    string
	last    *recorder
}

// RunScript calls handler with the requests of a script, one at a time. A line is one of
//
//	GET|POST|PUT PATH [JSON]   a request of the current user
//	as NAME [PASSWORD]         become that user; with a password, log in first
//	tick DURATION              let time pass and run the jobs that are due
//	expect STATUS              what the last request must have answered
//
// name is what errors call the script.
func RunScript(script io.Reader, name string, handler http.Handler, clock *clock.Manual, jobs *scheduler.Scheduler) error {
	player := &player{handler: handler, clock: clock, jobs: jobs, tokens: make(map[string]string)}
	lines := bufio.NewScanner(script)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := player.play(line); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, number, err)
		}
	}
	return lines.Err()
}

func (p *player) play(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "GET", "POST", "PUT":
		path, body, _ := strings.Cut(rest, " ")
		return p.request(word, path, body)
	case "as":
		return p.become(strings.Fields(rest))
	case "tick":
		duration, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		p.clock.Advance(duration)
		p.jobs.Tick()
		return nil
	case "expect":
		status, err := strconv.Atoi(rest)
		switch {
		case err != nil:
			return fmt.Errorf("%q is not a status", rest)
		case p.last == nil:
			return fmt.Errorf("nothing was requested yet")
		case p.last.status != status:
			return fmt.Errorf("status is %d: %s", p.last.status, bytes.TrimSpace(p.last.body.Bytes()))
		}
		return nil
	}
	return fmt.Errorf("unknown command %q", word)
}

func (p *player) request(method, path, body string) error {
	target, err := url.ParseRequestURI(path)
	if err != nil {
		return err
	}
	request := &http.Request{
		Method: method, URL: target, Host: "demo", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body)),
	}
	if token := p.tokens[p.user]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	p.last = &recorder{header: make(http.Header), status: http.StatusOK}
	p.handler.ServeHTTP(p.last, request)
	return nil
}

func (p *player) become(words []string) error {
	switch len(words) {
	case 1:
		p.user = words[0]
	case 2:
		p.user = ""
		asked, err := json.Marshal(map[string]string{"name": words[0], "password": words[1]})
		if err != nil {
			return err
		}
		if err := p.request(http.MethodPost, "/login", string(asked)); err != nil {
			return err
		}
		var answer struct{ Token, Error string }
		if err := json.Unmarshal(p.last.body.Bytes(), &answer); err != nil {
			return err
		}
		if answer.Token == "" {
			return fmt.Errorf("%s can't log in: %s", words[0], answer.Error)
		}
		p.tokens[words[0]] = answer.Token
		p.user = words[0]
	default:
		return fmt.Errorf("as needs a name and perhaps a password")
	}
	return nil
}

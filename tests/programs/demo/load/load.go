// Package load visits the shop as customers, clerks and the boss would.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net/http"
	"sync"
	"time"
)

// Generator plays acts, one after the other, again and again.
type Generator struct {
	base   string
	seed   int64
	logger *slog.Logger
	client *http.Client

	mu     sync.Mutex
	orders []int // placed, the newest last
	users  int
}

// New returns a generator that visits the shop at base.
func New(base string, seed int64, logger *slog.Logger) *Generator {
	return &Generator{base: base, seed: seed, logger: logger, client: &http.Client{Timeout: 5 * time.Second}}
}

// Run plays until ctx is done.
func (g *Generator) Run(ctx context.Context) {
	for round := 0; ; round++ {
		for _, act := range acts {
			if act.since > round {
				continue
			}
			g.logger.Info("act", "name", act.name, "round", round)
			if !g.play(ctx, act, round) {
				return
			}
		}
	}
}

// play lets the act's visitors do their steps until its time is over, and says whether to go on.
func (g *Generator) play(ctx context.Context, act act, round int) bool {
	inAct, cancel := context.WithTimeout(ctx, act.length)
	defer cancel()
	var visitors sync.WaitGroup
	for i := range act.visitors {
		visitors.Add(1)
		go func() {
			defer visitors.Done()
			random := rand.New(rand.NewSource(g.seed + int64(1000*round+i)))
			g.visit(inAct, act, &visitor{Generator: g, random: random, ctx: inAct})
		}()
	}
	visitors.Wait()
	return ctx.Err() == nil
}

func (g *Generator) visit(ctx context.Context, act act, visitor *visitor) {
	for {
		pause := act.pause/2 + time.Duration(visitor.random.Int63n(int64(act.pause)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		step := act.steps[visitor.random.Intn(len(act.steps))]
		if err := step(visitor); err != nil && ctx.Err() == nil {
			g.logger.Info("step", "act", act.name, "err", err)
		}
	}
}

func (g *Generator) newUser() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users++
	return fmt.Sprintf("reader%d", g.users)
}

func (g *Generator) noteOrder(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.orders) == 100 {
		g.orders = g.orders[1:]
	}
	g.orders = append(g.orders, id)
}

// anyOrder returns a recent order; 0 when there is none.
func (g *Generator) anyOrder(random *rand.Rand) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.orders) == 0 {
		return 0
	}
	return g.orders[random.Intn(len(g.orders))]
}

// visitor is one client with its own session.
type visitor struct {
	*Generator
	ctx    context.Context
	random *rand.Rand
	name   string
	token  string
}

// do sends a request and decodes the answer into result, if there is one to decode into. An answer
// of 4xx is what some steps want, and no error.
func (v *visitor) do(method, path string, body, result any) (int, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(v.ctx, method, v.base+path, content)
	if err != nil {
		return 0, err
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := v.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if result != nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(answer, result)
	}
	return response.StatusCode, err
}

func (v *visitor) login(name, password string) error {
	var answer struct{ Token string }
	v.token = ""
	_, err := v.do(http.MethodPost, "/login", map[string]string{"name": name, "password": password}, &answer)
	v.name, v.token = name, answer.Token
	return err
}

// customer makes sure that the visitor is logged in as one.
func (v *visitor) customer() error {
	if v.token != "" && v.random.Intn(12) > 0 {
		return nil
	}
	name, password := v.newUser(), "letmein"
	if _, err := v.do(http.MethodPost, "/register", map[string]string{"name": name, "password": password}, nil); err != nil {
		return err
	}
	return v.login(name, password)
}

// staff makes sure that the visitor is logged in as one of the staff.
func (v *visitor) staff(name, password string) error {
	if v.name == name && v.token != "" {
		return nil
	}
	return v.login(name, password)
}

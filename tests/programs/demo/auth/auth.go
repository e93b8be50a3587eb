// Package auth knows who is asking and what they may do.
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/demo/internal/clock"
)

// Role is what a user may do.
type Role int

// The roles, each with the rights of those before it.
const (
	Guest Role = iota
	Customer
	Clerk
	Manager
)

// Why a user is turned away.
var (
	ErrCredentials = errors.New("unknown user or wrong password")
	ErrLocked      = errors.New("too many failed attempts")
	ErrToken       = errors.New("token is not valid")
	ErrExpired     = errors.New("token has expired")
)

const (
	rounds      = 32
	maxFailures = 3
	lockTime    = 30 * time.Second
	lifetime    = 10 * time.Minute
)

type user struct {
	role     Role
	salt     string
	hash     string
	failures int
	locked   time.Time
}

// Guard checks passwords and tokens. It is safe for concurrent use.
type Guard struct {
	mu     sync.Mutex
	clock  clock.Clock
	secret []byte
	users  map[string]*user
}

// NewGuard returns a guard that signs tokens with secret.
func NewGuard(clock clock.Clock, secret string) *Guard {
	return &Guard{clock: clock, secret: []byte(secret), users: make(map[string]*user)}
}

// Register adds a user.
func (g *Guard) Register(name, password string, role Role) error {
	switch {
	case name == "" || strings.ContainsAny(name, ".|"):
		return fmt.Errorf("%q can't be a user name", name)
	case len(password) < 4:
		return errors.New("password is shorter than 4 characters")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.users[name]; taken {
		return fmt.Errorf("user name %q is taken", name)
	}
	salt := fmt.Sprintf("salt-%d", len(g.users))
	g.users[name] = &user{role: role, salt: salt, hash: stretch(password, salt)}
	return nil
}

// Login returns a token for the right password.
func (g *Guard) Login(name, password string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.users[name]
	if found == nil {
		return "", ErrCredentials
	}
	now := g.clock.Now()
	if now.Before(found.locked) {
		return "", ErrLocked
	}
	if !hmac.Equal([]byte(stretch(password, found.salt)), []byte(found.hash)) {
		if found.failures++; found.failures >= maxFailures {
			found.failures = 0
			found.locked = now.Add(lockTime)
			return "", ErrLocked
		}
		return "", ErrCredentials
	}
	found.failures = 0
	payload := name + "|" + strconv.FormatInt(now.Add(lifetime).Unix(), 10)
	return hex.EncodeToString([]byte(payload)) + "." + g.sign(payload), nil
}

// Check returns whose token it is.
func (g *Guard) Check(token string) (name string, role Role, err error) {
	encoded, signature, ok := strings.Cut(token, ".")
	if !ok {
		return "", Guest, ErrToken
	}
	payload, err := hex.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(g.sign(string(payload))), []byte(signature)) {
		return "", Guest, ErrToken
	}
	name, until, _ := strings.Cut(string(payload), "|")
	expires, err := strconv.ParseInt(until, 10, 64)
	if err != nil {
		return "", Guest, ErrToken
	}
	if g.clock.Now().Unix() > expires {
		return "", Guest, ErrExpired
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.users[name]
	if !ok {
		return "", Guest, ErrToken
	}
	return name, found.role, nil
}

func (g *Guard) sign(payload string) string {
	mac := hmac.New(sha256.New, g.secret)
	mac.Write([]byte(payload))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// stretch hashes a password many times over, to make guessing slow.
func stretch(password, salt string) string {
	sum := sha256.Sum256([]byte(salt + password))
	for range rounds {
		sum = sha256.Sum256(append(sum[:], salt...))
	}
	return hex.EncodeToString(sum[:])
}

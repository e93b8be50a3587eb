// Package coverglass_push tells a relay elsewhere what the program counts, where nothing reads the
// shared memory: in a container without a second process, or where there is no shared memory.
//
// Without COVERGLASS_URL it does nothing at all. With it, and where nobody has read the memory for
// a while or some packages have no place in it, one goroutine keeps a WebSocket connection to the
// relay and sends every 50 ms what changed, in the frames of shared/wire (version 1):
//
//	frame := kind u8 · length uleb · body
//	1 hello    version uleb · name str
//	2 process  handle uleb · key [16] · pid uleb · host str · service str · n uleb · argument str*
//	           · started uleb (Unix ms) · go version str
//	3 table    the table's bytes
//	4 packages handle uleb · n uleb · table id [16]*
//	5 counts   handle uleb · at uleb (Unix ms) · ages u8 · n uleb · package*
//	           package := position uleb · n uleb · (unit step uleb · count uleb · age uleb if ages)*
//	7 state    handle uleb · at uleb · state u8 (1: ended)
//	8 source   id [16] · found u8
//
// Counts are cumulative, so a connection that breaks loses nothing: the next one begins with all
// that was counted. What the program counts last is sent when main returns or os.Exit is called,
// which this may delay by a second at most; a program that dies otherwise has told all but its
// last 50 ms. Nothing is ever printed, and whatever fails here is tried again later. While it waits,
// Go sees a goroutine that is going to wake up, and so never that all others are deadlocked.
package coverglass_push

import (
	target "debug"
	"internal/runtime/exithook"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	handle   = 1
	interval = 50 * time.Millisecond
	// A poll is followed by 30 times its own length, as in the collector.
	pause, longestPause = 30, time.Second
	// Nobody reads the memory whose clock stands still for this long.
	stale = 3 * time.Second
	// Exits are delayed by no more than this.
	lastWords   = time.Second
	dialTimeout = 5 * time.Second
	sendTimeout = 10 * time.Second
	firstRetry  = 250 * time.Millisecond
	lastRetry   = 15 * time.Second

	messageUnits = 1 << 18 // units in a message
	headBytes    = 16 << 10
	frameBytes   = 1 << 20 // longest message that the relay may send

	opBinary, opClose, opPing, opPong = 2, 8, 9, 10
)

var (
	relay     address
	arguments []string
	started   = time.Now()
	// link is held by whoever makes or uses the connection. The goroutine gives it up to wait.
	link    sync.Mutex
	current *connection
)

func init() {
	url := os.Getenv("COVERGLASS_URL")
	if url == "" {
		return
	}
	var ok bool
	if relay, ok = parse(url); !ok {
		return
	}
	relay.token = os.Getenv("COVERGLASS_TOKEN")
	arguments = append(arguments, os.Args...)
	exithook.Add(exithook.Hook{F: flush, RunOnFailure: true})
	go run()
}

// address is where the relay is.
type address struct {
	host  string // as in the URL
	dial  string // with a port
	path  string
	token string
}

// parse reads http://host[:port][/path] or the same with ws.
func parse(url string) (address, bool) {
	rest, ok := cutPrefix(url, "http://")
	if !ok {
		if rest, ok = cutPrefix(url, "ws://"); !ok {
			return address{}, false
		}
	}
	host, path := rest, ""
	for i := range len(rest) {
		if c := rest[i]; c == '/' || c == '?' || c == '#' {
			host, path = rest[:i], rest[i:]
			break
		}
	}
	for i := range len(path) {
		if c := path[i]; c == '?' || c == '#' {
			path = path[:i]
			break
		}
	}
	for len(path) > 0 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	for i := range len(rest) {
		if rest[i] <= ' ' || rest[i] == '@' {
			return address{}, false
		}
	}
	dial := host
	if _, _, err := net.SplitHostPort(host); err != nil {
		dial = host + ":80"
	}
	return address{host: host, dial: dial, path: path + "/agent"}, host != ""
}

func cutPrefix(text, prefix string) (string, bool) {
	if len(text) >= len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):], true
	}
	return text, false
}

// alone says whether nobody reads the memory, or not all of it. A collector may then read the rest
// at the same time: the positions and counts of what both tell are the same.
func alone() bool {
	if !target.Shared() {
		return true
	}
	read := time.UnixMilli(int64(target.Clock()))
	return time.Since(read) > stale
}

// run keeps the connection for as long as the program lives.
func run() {
	// Nothing here may harm the program.
	defer func() { _ = recover() }()
	if target.Shared() {
		time.Sleep(time.Second)
	}
	retry := firstRetry
	for {
		if !alone() {
			time.Sleep(time.Second)
			continue
		}
		begun := time.Now()
		serve()
		if time.Since(begun) > time.Minute {
			retry = firstRetry
		}
		time.Sleep(retry)
		retry = min(2*retry, lastRetry)
	}
}

// serve makes a connection and uses it until it breaks.
func serve() {
	link.Lock()
	defer link.Unlock()
	c := connect(time.Now().Add(dialTimeout))
	if c == nil {
		return
	}
	current = c
	defer func() {
		current = nil
		c.Close()
	}()
	var chunk [4096]byte
	for {
		begun := time.Now()
		c.SetWriteDeadline(begun.Add(sendTimeout))
		if !c.tell(begun, false) {
			return
		}
		next := time.Now().Add(min(max(interval, pause*time.Since(begun)), longestPause))
		for time.Now().Before(next) {
			c.SetReadDeadline(next)
			link.Unlock()
			n, err := c.Read(chunk[:])
			link.Lock()
			c.inbox = append(c.inbox, chunk[:n]...)
			c.SetWriteDeadline(time.Now().Add(sendTimeout))
			if timeout, ok := err.(net.Error); err != nil && !(ok && timeout.Timeout()) || !c.hear() {
				return
			}
		}
	}
}

// flush sends what was counted last. It runs when main returns or os.Exit is called.
func flush() {
	defer func() { _ = recover() }()
	deadline := time.Now().Add(lastWords)
	for !link.TryLock() {
		// The goroutine is connecting or sending.
		if time.Now().After(deadline) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	// Held for good: nobody else shall use a connection that says goodbye.
	c := current
	if c == nil {
		if !alone() {
			return
		}
		if c = connect(deadline); c == nil {
			return
		}
	}
	c.SetDeadline(deadline)
	if !c.tell(time.Now(), true) {
		return
	}
	// A program that ends with something unread makes the system take back what it sent, so the
	// relay has the last word.
	var rest [4096]byte
	for {
		if _, err := c.Read(rest[:]); err != nil {
			return
		}
	}
}

// connection is a WebSocket to the relay, and what was said on it.
type connection struct {
	net.Conn
	inbox    []byte
	random   uint64
	service  string // as the relay was told
	packages []sent
}

// sent is what the relay knows of a package.
type sent struct {
	counters []target.Word
	counts   []uint64
	old      bool // whether the counts were told once
}

// connect dials the relay and shakes hands; nil when it can't be done.
func connect(deadline time.Time) *connection {
	conn, err := net.DialTimeout("tcp", relay.dial, time.Until(deadline))
	if err != nil {
		return nil
	}
	c := &connection{Conn: conn, random: uint64(time.Now().UnixNano())*2 | 1}
	c.SetDeadline(deadline)
	if !c.shake() {
		c.Close()
		return nil
	}
	c.SetDeadline(time.Time{})
	return c
}

// next is the next random number; it needn't be hard to guess.
func (c *connection) next() uint64 {
	c.random ^= c.random << 13
	c.random ^= c.random >> 7
	c.random ^= c.random << 17
	return c.random
}

// shake makes a WebSocket of the connection.
func (c *connection) shake() bool {
	// 16 bytes in base64.
	var key [22]byte
	for i := range key {
		key[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[c.next()>>32%64]
	}
	key[21] = "AQgw"[c.next()>>32%4]
	request := "GET " + relay.path + " HTTP/1.1\r\nHost: " + relay.host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
		string(key[:]) + "==\r\n"
	if relay.token != "" {
		request += "Authorization: Bearer " + relay.token + "\r\n"
	}
	if _, err := c.Write([]byte(request + "\r\n")); err != nil {
		return false
	}
	var answer []byte
	var chunk [1024]byte
	for len(answer) < headBytes {
		n, err := c.Read(chunk[:])
		answer = append(answer, chunk[:n]...)
		for i := 0; i+4 <= len(answer); i++ {
			if string(answer[i:i+4]) == "\r\n\r\n" {
				c.inbox = answer[i+4:]
				return i > 12 && string(answer[:7]) == "HTTP/1." && string(answer[8:12]) == " 101"
			}
		}
		if err != nil {
			return false
		}
	}
	return false
}

// message sends a WebSocket message; its payload is masked in place.
func (c *connection) message(op byte, payload []byte) bool {
	n := len(payload)
	head := []byte{0x80 | op}
	switch {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n < 1<<16:
		head = append(head, 0x80|126, byte(n>>8), byte(n))
	default:
		head = append(head, 0x80|127)
		for shift := 56; shift >= 0; shift -= 8 {
			head = append(head, byte(uint64(n)>>shift))
		}
	}
	mask := uint32(c.next() >> 16)
	keys := [4]byte{byte(mask), byte(mask >> 8), byte(mask >> 16), byte(mask >> 24)}
	head = append(head, keys[:]...)
	for i := range payload {
		payload[i] ^= keys[i%4]
	}
	buffers := net.Buffers{head, payload}
	_, err := buffers.WriteTo(c.Conn)
	return err == nil
}

// hear does what the relay has asked for; false when the connection is over.
func (c *connection) hear() bool {
	for {
		op, payload, rest, state := split(c.inbox)
		if state != whole {
			return state == partial
		}
		c.inbox = rest
		ok := op != opClose
		switch op {
		case opPing:
			ok = c.message(opPong, payload)
		case opBinary:
			ok = c.answer(payload)
		}
		if !ok {
			return false
		}
	}
}

const (
	whole = iota
	partial
	broken
)

// split takes the first message off what the relay sent.
func split(inbox []byte) (op byte, payload, rest []byte, state int) {
	if len(inbox) < 2 {
		return 0, nil, inbox, partial
	}
	op, n, head := inbox[0]&15, uint64(inbox[1]&127), 2
	if inbox[1]&128 != 0 {
		return 0, nil, nil, broken // servers don't mask
	}
	switch n {
	case 126:
		head += 2
	case 127:
		head += 8
	}
	if len(inbox) < head {
		return 0, nil, inbox, partial
	}
	if head > 2 {
		n = 0
		for _, b := range inbox[2:head] {
			n = n<<8 | uint64(b)
		}
	}
	if n > frameBytes {
		return 0, nil, nil, broken
	}
	if len(inbox) < head+int(n) {
		return 0, nil, inbox, partial
	}
	return op, inbox[head : head+int(n)], inbox[head+int(n):], whole
}

// answer answers for every source that the relay wants: it isn't here.
func (c *connection) answer(payload []byte) bool {
	for len(payload) > 0 {
		kind := payload[0]
		n, rest, ok := readUleb(payload[1:])
		if !ok || n > uint64(len(rest)) {
			return true
		}
		body := rest[:n]
		payload = rest[n:]
		if kind == 16 && len(body) >= 16 {
			if !c.message(opBinary, frame(nil, 8, append(body[:16:16], 0))) {
				return false
			}
		}
	}
	return true
}

// tell sends what the relay doesn't know yet; at the end of the program also that, and goodbye.
func (c *connection) tell(now time.Time, last bool) bool {
	var message []byte
	packages := target.Packages()
	first := c.packages == nil
	if first {
		c.packages = []sent{}
		message = frame(message, 1, str(uleb(nil, 1), "push "+hostname()))
	}
	if known := len(c.packages); first || known < len(packages) {
		// The main package, which names the program, is registered last.
		named := service(packages)
		again := 0
		if first || named != c.service {
			c.service, again = named, known
			message = frame(message, 2, process(named))
		}
		ids := uleb(uleb(nil, handle), uint64(again+len(packages)-known))
		for _, p := range packages[:again] {
			ids = append(ids, p.ID...)
		}
		for _, p := range packages[known:] {
			if fresh(packages, p) {
				message = frame(message, 3, []byte(p.Table))
			}
			ids = append(ids, p.ID...)
			counters := p.Counters()
			c.packages = append(c.packages, sent{counters: counters, counts: make([]uint64, len(counters))})
			if len(message) > frameBytes {
				if !c.message(opBinary, message) {
					return false
				}
				message = nil
			}
		}
		if len(packages) > 0 {
			message = frame(message, 4, ids)
		}
	}
	at := uint64(now.UnixMilli())
	for position := range c.packages {
		p := &c.packages[position]
		// What was counted before anybody could hear of it happened some time since the start.
		age := uint64(0)
		if sinceStart := now.Sub(started); !p.old && sinceStart > time.Second {
			age = uint64(sinceStart.Milliseconds())
		}
		for start := 0; start < len(p.counters); start += messageUnits {
			message = p.changes(message, position, start, at, age)
			if len(message) > frameBytes {
				if !c.message(opBinary, message) {
					return false
				}
				message = nil
			}
		}
		p.old = true
	}
	if last {
		message = frame(message, 7, append(uleb(uleb(nil, handle), at), 1))
	}
	if len(message) > 0 && !c.message(opBinary, message) {
		return false
	}
	return !last || c.message(opClose, []byte{0x03, 0xe8})
}

// changes appends the counts that changed of the units from start on.
func (p *sent) changes(message []byte, position, start int, at, age uint64) []byte {
	end := min(start+messageUnits, len(p.counters))
	counters, counts := p.counters[start:end], p.counts[start:end]
	var units []byte
	n, previous := 0, 0
	for i, before := range counts {
		count := counters[i]
		if count <= before {
			continue
		}
		counts[i] = count
		n++
		units = uleb(uleb(units, uint64(start+i-previous)), count)
		if age > 0 {
			units = uleb(units, age)
		}
		previous = start + i
	}
	if n == 0 {
		return message
	}
	body := uleb(uleb(nil, handle), at)
	body = append(body, byte(min(age, 1)), 1)
	body = uleb(uleb(body, uint64(position)), uint64(n))
	return frame(message, 5, append(body, units...))
}

// fresh says whether p is the first of the packages with its table.
func fresh(packages []*target.Package, p *target.Package) bool {
	for _, other := range packages {
		if other == p {
			return true
		}
		if other.ID == p.ID {
			return false
		}
	}
	return true
}

// process is the body of the frame that describes this process.
func process(service string) []byte {
	created, boot := target.Created()
	pid, host := uint64(os.Getpid()), hostname()
	body := append(uleb(nil, handle), key(host, pid, created, boot)...)
	body = str(str(uleb(body, pid), host), service)
	n := min(len(arguments), 64)
	body = uleb(body, uint64(n))
	for _, argument := range arguments[:n] {
		body = str(body, argument)
	}
	return str(uleb(body, created/1e6), runtime.Version())
}

func hostname() string {
	name, _ := os.Hostname()
	return name
}

// key names the process everywhere and for ever, as the collector would: 128-bit FNV-1a.
func key(host string, numbers ...uint64) []byte {
	// The prime is 2^88 + 0x13b.
	high, low := uint64(0x6c62272e07bb0142), uint64(0x62b821756295c58d)
	add := func(b byte) {
		low ^= uint64(b)
		carry, product := multiply(low, 0x13b)
		high, low = carry+high*0x13b+low<<24, product
	}
	for i := range len(host) {
		add(host[i])
	}
	add(0)
	for _, number := range numbers {
		for shift := 0; shift < 64; shift += 8 {
			add(byte(number >> shift))
		}
	}
	var bytes []byte
	for _, half := range [2]uint64{high, low} {
		for shift := 56; shift >= 0; shift -= 8 {
			bytes = append(bytes, byte(half>>shift))
		}
	}
	return bytes
}

// multiply is x × y, where y has 32 bits at most.
func multiply(x, y uint64) (high, low uint64) {
	lower, upper := x&(1<<32-1)*y, x>>32*y
	low = lower + upper<<32
	high = upper >> 32
	if low < lower {
		high++
	}
	return high, low
}

// service is the name of the program: what go build calls its main package, or else its file.
func service(packages []*target.Package) string {
	program := "unknown"
	if len(arguments) > 0 && base(arguments[0]) != "" {
		program = base(arguments[0])
	}
	if len(program) > 5 && program[len(program)-5:] == ".test" {
		return program
	}
	for _, p := range packages {
		path, name := names(p.Table)
		if name != "main" {
			continue
		}
		last := base(path)
		if versioned(last) && len(last) < len(path) {
			last = base(path[:len(path)-len(last)-1])
		}
		if last != "" && last != "main" && last != "command-line-arguments" {
			return last
		}
	}
	return program
}

// names are the import path and the name with which a table begins, after its magic and version.
func names(table string) (path, name string) {
	rest := []byte(table[min(4, len(table)):min(len(table), 1<<12)])
	for _, text := range []*string{&path, &name} {
		n, after, ok := readUleb(rest)
		if !ok || n > uint64(len(after)) {
			return "", ""
		}
		*text, rest = string(after[:n]), after[n:]
	}
	return path, name
}

// base is what follows the last slash that something follows.
func base(path string) string {
	for len(path) > 0 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// versioned says whether a path's component is that of a module's major version, v2 or later.
func versioned(component string) bool {
	if len(component) < 2 || component[0] != 'v' || component[1] == '0' || component == "v1" {
		return false
	}
	for i := 1; i < len(component); i++ {
		if component[i] < '0' || component[i] > '9' {
			return false
		}
	}
	return true
}

func frame(message []byte, kind byte, body []byte) []byte {
	message = append(message, kind)
	return append(uleb(message, uint64(len(body))), body...)
}

func uleb(bytes []byte, value uint64) []byte {
	for value >= 0x80 {
		bytes = append(bytes, byte(value)|0x80)
		value >>= 7
	}
	return append(bytes, byte(value))
}

// readUleb takes a number off the front of bytes.
func readUleb(bytes []byte) (value uint64, rest []byte, ok bool) {
	for i := 0; i < len(bytes) && i < 9; i++ {
		value |= uint64(bytes[i]&0x7f) << (7 * i)
		if bytes[i] < 0x80 {
			return value, bytes[i+1:], true
		}
	}
	return 0, nil, false
}

// str appends a text, cut where the relay would refuse it. Bytes that aren't UTF-8 are replaced.
func str(bytes []byte, text string) []byte {
	text = string([]rune(text[:min(len(text), 16<<10)]))
	return append(uleb(bytes, uint64(len(text))), text...)
}

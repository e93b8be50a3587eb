// Command channels places the records of channel operations in a package's sources.
//
// It reads a request from its input and writes an answer, both JSON. Sources stay line for line
// what they were, and every operation stays where it is: what is placed goes around its operands
// and behind it. Only where no statement can follow is an operation made by the runtime package.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

type request struct {
	Path    string            // of the package
	Prefix  string            // of all names that are made up
	Runtime string            // import path of the runtime package
	Folder  string            // what stands for the package's folder in names of files, if not itself
	Files   []file            // all of the package
	Exports map[string]string // import path to file with export data
}

type file struct {
	Name     string // where it lies
	Original string // as the user wrote it
	Text     string // as it is to be compiled
}

type answer struct {
	Files []string // new texts, empty where nothing changes
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	answered, err := place(&asked)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answered); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func place(asked *request) (*answer, error) {
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, f := range asked.Files {
		tree, err := parser.ParseFile(set, f.Name, f.Text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, tree)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	open := func(path string) (io.ReadCloser, error) {
		name, ok := asked.Exports[path]
		if !ok || name == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(name)
	}
	config := types.Config{
		Importer:    importer.ForCompiler(set, "gc", open),
		FakeImportC: true,
		// What the text step has put in is not known here, and go itself reports the rest.
		Error: func(error) {},
	}
	config.Check(asked.Path, set, parsed, info)

	var table []byte
	sites := 0
	out := &answer{Files: make([]string, len(asked.Files))}
	declared := -1
	for i, f := range asked.Files {
		originals := token.NewFileSet()
		tree, err := parser.ParseFile(originals, f.Name, f.Original, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		before, now := candidates(tree), candidates(parsed[i])
		if len(before) != len(now) {
			return nil, fmt.Errorf("%s: %d operations became %d", f.Name, len(before), len(now))
		}
		w := &writer{set: set, info: info, prefix: asked.Prefix, folder: asked.Folder, text: f.Text, positions: map[ast.Node]token.Position{}, handled: map[ast.Node]bool{}, inPackage: types.RelativeTo(nil)}
		for k, node := range now {
			w.positions[node] = originals.Position(before[k].Pos())
		}
		w.sites, w.table = sites, table
		w.walk(parsed[i])
		sites, table = w.sites, w.table
		if len(w.edits) == 0 {
			continue
		}
		w.declare()
		w.insert(parsed[i].Name.End(), rankAfter, "; import "+asked.Prefix+"H "+strconv.Quote(asked.Runtime))
		out.Files[i] = w.apply()
		declared = i
	}
	if declared >= 0 {
		text := out.Files[declared]
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		out.Files[declared] = text + fmt.Sprintf("var %sS = %sH.Sites(%d, %s)\n",
			asked.Prefix, asked.Prefix, sites, quote(table))
	}
	return out, nil
}

// candidates are the nodes that may be operations, in the order of the text.
func candidates(tree *ast.File) []ast.Node {
	var found []ast.Node
	ast.Inspect(tree, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.SendStmt, *ast.RangeStmt, *ast.CommClause:
			found = append(found, n)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				found = append(found, n)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "close" || id.Name == "make") {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

// Where several edits are made at one place, this is their order.
const (
	rankClose = iota // the end of what goes around something: innermost first
	rankAfter        // what follows a statement
	rankStart        // the beginning of a body
	rankOpen         // the beginning of what goes around something: outermost first
)

type edit struct {
	at, drop, rank, serial int
	text                   string
}

type writer struct {
	set       *token.FileSet
	info      *types.Info
	prefix    string
	folder    string
	text      string
	positions map[ast.Node]token.Position
	handled   map[ast.Node]bool
	inPackage types.Qualifier
	edits     []edit
	stack     []ast.Node
	operands  map[*ast.BlockStmt][]string
	bodies    []*ast.BlockStmt // in the order of their first operation
	names     int
	sites     int
	table     []byte
}

func (w *writer) insert(at token.Pos, rank int, text string) {
	w.edits = append(w.edits, edit{at: w.set.PositionFor(at, false).Offset, rank: rank, serial: len(w.edits), text: text})
}

func (w *writer) replace(at token.Pos, length int, text string) {
	w.insert(at, rankOpen, text)
	w.edits[len(w.edits)-1].drop = length
}

func (w *writer) around(node ast.Node, before, after string) {
	w.insert(node.Pos(), rankOpen, before)
	w.insert(node.End(), rankClose, after)
}

func (w *writer) apply() string {
	sort.SliceStable(w.edits, func(i, j int) bool {
		a, b := w.edits[i], w.edits[j]
		switch {
		case a.at != b.at:
			return a.at < b.at
		case a.rank != b.rank:
			return a.rank < b.rank
		case a.rank == rankClose:
			return a.serial > b.serial
		}
		return a.serial < b.serial
	})
	var out strings.Builder
	copied := 0
	for _, e := range w.edits {
		out.WriteString(w.text[copied:max(copied, e.at)])
		copied = max(copied, e.at) + e.drop
		out.WriteString(e.text)
	}
	out.WriteString(w.text[copied:])
	return out.String()
}

// declare makes the variables that operations under way are in, at the start of their functions.
func (w *writer) declare() {
	for _, body := range w.bodies {
		w.insert(body.Lbrace+1, rankStart, fmt.Sprintf(" var %s %sH.Op;", strings.Join(w.operands[body], ", "), w.prefix))
	}
}

// What an operation is, as in the runtime package.
const (
	opSend = 1 + iota
	opReceive
	opClose
	opMake
	opDefault
)

// site gives a place its number and returns the expression of that.
func (w *writer) site(node ast.Node, op byte, channel types.Type) string {
	at := w.positions[node]
	name := at.Filename
	if !filepath.IsAbs(name) {
		// A line directive's file lies beside the one that it is in.
		name = filepath.Join(filepath.Dir(w.set.PositionFor(node.Pos(), false).Filename), name)
	}
	lies := filepath.Dir(w.set.PositionFor(node.Pos(), false).Filename) + string(filepath.Separator)
	if inside, ok := strings.CutPrefix(name, lies); ok && w.folder != "" {
		name = w.folder + "/" + filepath.ToSlash(inside)
	}
	described := ""
	if channel != nil {
		described = types.TypeString(channel, func(p *types.Package) string { return p.Name() })
	}
	text := func(s string) {
		w.table = binary.AppendUvarint(w.table, uint64(len(s)))
		w.table = append(w.table, s...)
	}
	w.table = append(w.table, op)
	w.table = binary.AppendUvarint(w.table, uint64(max(at.Line, 0)))
	w.table = binary.AppendUvarint(w.table, uint64(max(at.Column, 0)))
	text(name)
	text(w.function())
	text(described)
	w.sites++
	return fmt.Sprintf("%sS+%d", w.prefix, w.sites-1)
}

// function is the name of the function declaration around.
func (w *writer) function() string {
	for _, node := range w.stack {
		if f, ok := node.(*ast.FuncDecl); ok {
			return f.Name.Name
		}
	}
	return ""
}

// body is that of the innermost function around.
func (w *writer) body() *ast.BlockStmt {
	for i := len(w.stack) - 1; i >= 0; i-- {
		switch f := w.stack[i].(type) {
		case *ast.FuncDecl:
			return f.Body
		case *ast.FuncLit:
			return f.Body
		}
	}
	return nil
}

// operand is a variable for an operation under way, in the function around.
func (w *writer) operand(body *ast.BlockStmt) string {
	if w.operands == nil {
		w.operands = map[*ast.BlockStmt][]string{}
	}
	name := w.temporary("o")
	if w.operands[body] == nil {
		w.bodies = append(w.bodies, body)
	}
	w.operands[body] = append(w.operands[body], name)
	return name
}

func (w *writer) temporary(kind string) string {
	w.names++
	return w.prefix + kind + strconv.Itoa(w.names)
}

// call is a call of the runtime package, up to where more arguments may follow.
func (w *writer) call(name string, arguments ...string) string {
	return w.prefix + "H." + name + "(" + strings.Join(arguments, ", ")
}

// channel is the type of a channel expression; nil if it is something else or unknown.
func (w *writer) channel(expression ast.Expr) types.Type {
	t := w.info.Types[expression].Type
	if t == nil {
		return nil
	}
	if _, ok := t.Underlying().(*types.Chan); ok {
		return t
	}
	if p, ok := t.(*types.TypeParam); ok && core(p) != nil {
		return t
	}
	return nil
}

// core is the channel type that all types of a type parameter are, if they are one.
func core(p *types.TypeParam) *types.Chan {
	bound, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok || bound.NumEmbeddeds() != 1 {
		return nil
	}
	switch embedded := bound.EmbeddedType(0).(type) {
	case *types.Union:
		if embedded.Len() != 1 {
			return nil
		}
		c, _ := embedded.Term(0).Type().Underlying().(*types.Chan)
		return c
	default:
		c, _ := embedded.Underlying().(*types.Chan)
		return c
	}
}

func (w *writer) element(channel types.Type) types.Type {
	if c, ok := channel.Underlying().(*types.Chan); ok {
		return c.Elem()
	}
	if p, ok := channel.(*types.TypeParam); ok {
		if c := core(p); c != nil {
			return c.Elem()
		}
	}
	return nil
}

// inList says whether statements can follow the one that has just been reached.
func (w *writer) inList() bool {
	for i := len(w.stack) - 2; i >= 0; i-- {
		switch parent := w.stack[i].(type) {
		case *ast.BlockStmt, *ast.CaseClause:
			return true
		case *ast.CommClause:
			return parent.Comm != w.stack[i+1]
		case *ast.LabeledStmt:
			continue
		default:
			return false
		}
	}
	return false
}

func (w *writer) walk(tree *ast.File) {
	ast.Inspect(tree, func(node ast.Node) bool {
		if node == nil {
			w.stack = w.stack[:len(w.stack)-1]
			return true
		}
		w.stack = append(w.stack, node)
		if w.handled[node] {
			return true
		}
		switch n := node.(type) {
		case *ast.SendStmt:
			w.send(n)
		case *ast.AssignStmt:
			w.assign(n)
		case *ast.DeclStmt:
			w.declaration(n)
		case *ast.ExprStmt:
			w.expression(n)
		case *ast.ValueSpec:
			if len(n.Names) == 2 && len(n.Values) == 1 {
				w.receive2(n.Values[0])
			}
		case *ast.IfStmt:
			w.condition(n)
		case *ast.RangeStmt:
			w.ranges(n)
		case *ast.CommClause:
			w.clause(n)
		case *ast.UnaryExpr:
			w.receive(n)
		case *ast.CallExpr:
			w.builtin(n)
		}
		return true
	})
}

// receiving is the receive that an expression is, and that is still to be handled.
func (w *writer) receiving(expression ast.Expr) (*ast.UnaryExpr, types.Type) {
	r, ok := expression.(*ast.UnaryExpr)
	if !ok || r.Op != token.ARROW || w.handled[r] {
		return nil, nil
	}
	channel := w.channel(r.X)
	if channel == nil {
		return nil, nil
	}
	return r, channel
}

func (w *writer) in(r *ast.UnaryExpr, function, operand string, channel types.Type) {
	w.handled[r] = true
	w.around(r.X, w.call(function, "&"+operand, w.site(r, opReceive, channel), ""), ")")
}

// send handles a send outside of a select.
func (w *writer) send(n *ast.SendStmt) {
	channel := w.channel(n.Chan)
	if channel == nil {
		return
	}
	site := w.site(n, opSend, channel)
	body := w.body()
	if !w.inList() || body == nil {
		w.around(n.Chan, w.call("Into", site, ""), ").Put(")
		w.replace(n.Arrow, 2, "")
		w.insert(n.Value.End(), rankClose, ")")
		return
	}
	o, c, t := w.operand(body), w.temporary("c"), w.temporary("t")
	w.insert(n.Pos(), rankOpen, fmt.Sprintf("{ %s, %s := %s", c, t, w.call("Send", "&"+o, site, "")))
	w.insert(n.Chan.End(), rankClose, "); "+c)
	w.around(n.Value, t+".Value(&"+o+", ", ")")
	w.insert(n.End(), rankAfter, "; "+w.call("Sent", "&"+o)+") }")
}

// name is that of a variable that can be read after it was assigned.
func name(expression ast.Expr) string {
	if id, ok := expression.(*ast.Ident); ok && id.Name != "_" {
		return id.Name
	}
	return ""
}

// recorded is the call that records a receive into these.
func (w *writer) recorded(operand, value, ok string) string {
	switch {
	case value != "" && ok != "":
		return w.call("Rec", "&"+operand, value, ok) + ")"
	case value != "":
		return w.call("RecValue", "&"+operand, value) + ")"
	case ok != "":
		return w.call("RecOK", "&"+operand, ok) + ")"
	}
	return w.call("Done", "&"+operand) + ")"
}

// results names what a receive is assigned to, so that it can be recorded.
func (w *writer) results(n *ast.AssignStmt) (value, ok string) {
	value = name(n.Lhs[0])
	if len(n.Lhs) == 2 {
		ok = name(n.Lhs[1])
	}
	if n.Tok != token.DEFINE {
		return value, ok
	}
	if value == "" {
		value = w.temporary("v")
		w.replace(n.Lhs[0].Pos(), 1, value)
	}
	if len(n.Lhs) == 1 {
		ok = w.temporary("k")
		w.insert(n.Lhs[0].End(), rankAfter, ", "+ok)
	} else if ok == "" {
		ok = w.temporary("k")
		w.replace(n.Lhs[1].Pos(), 1, ok)
	}
	return value, ok
}

func (w *writer) assign(n *ast.AssignStmt) {
	if len(n.Rhs) != 1 || (n.Tok != token.DEFINE && n.Tok != token.ASSIGN) {
		return
	}
	r, channel := w.receiving(n.Rhs[0])
	if r == nil || (len(n.Lhs) == 1 && n.Tok == token.ASSIGN) {
		return
	}
	if !w.inList() {
		if len(n.Lhs) == 2 {
			w.receive2(r)
		}
		return
	}
	o := w.operand(w.body())
	value, ok := w.results(n)
	w.in(r, "In", o, channel)
	w.insert(n.End(), rankAfter, "; "+w.recorded(o, value, ok))
}

func (w *writer) declaration(n *ast.DeclStmt) {
	d, ok := n.Decl.(*ast.GenDecl)
	if !ok || d.Tok != token.VAR || d.Lparen.IsValid() || len(d.Specs) != 1 || !w.inList() {
		return
	}
	spec := d.Specs[0].(*ast.ValueSpec)
	if len(spec.Names) != 2 || len(spec.Values) != 1 {
		return
	}
	if r, channel := w.receiving(spec.Values[0]); r != nil {
		o := w.operand(w.body())
		w.in(r, "In", o, channel)
		w.insert(n.End(), rankAfter, "; "+w.recorded(o, name(spec.Names[0]), name(spec.Names[1])))
	}
}

// receive2 handles a receive with two results behind which no statement can follow.
func (w *writer) receive2(expression ast.Expr) {
	if r, channel := w.receiving(expression); r != nil {
		w.handled[r] = true
		w.replace(r.Pos(), 2, w.call("Receive2", w.site(r, opReceive, channel), ""))
		w.insert(r.End(), rankClose, ")")
	}
}

// expression handles a receive or a close that is a statement.
func (w *writer) expression(n *ast.ExprStmt) {
	if !w.inList() {
		return
	}
	if r, channel := w.receiving(n.X); r != nil {
		o, v, k := w.operand(w.body()), w.temporary("v"), w.temporary("k")
		w.insert(n.Pos(), rankOpen, fmt.Sprintf("{ %s, %s := ", v, k))
		w.in(r, "In", o, channel)
		w.insert(n.End(), rankAfter, "; "+w.recorded(o, v, k)+" }")
		return
	}
	if call, ok := n.X.(*ast.CallExpr); ok && w.isBuiltin(call, "close") && len(call.Args) == 1 {
		channel := w.channel(call.Args[0])
		if channel == nil {
			return
		}
		w.handled[call] = true
		o := w.operand(w.body())
		w.around(call.Args[0], w.call("Closing", "&"+o, w.site(call, opClose, channel), ""), ")")
		w.insert(n.End(), rankAfter, "; "+w.call("Closed", "&"+o)+")")
	}
}

// condition handles `if v, ok := <-c; …`.
func (w *writer) condition(n *ast.IfStmt) {
	init, ok := n.Init.(*ast.AssignStmt)
	if !ok || len(init.Lhs) != 2 || len(init.Rhs) != 1 {
		return
	}
	if r, channel := w.receiving(init.Rhs[0]); r != nil {
		o := w.operand(w.body())
		value, ok := w.results(init)
		w.in(r, "In", o, channel)
		w.around(n.Cond, w.call("Then", w.recorded(o, value, ok), ""), ")")
	}
}

func (w *writer) ranges(n *ast.RangeStmt) {
	channel := w.channel(n.X)
	if channel == nil || n.Value != nil {
		return
	}
	o := w.operand(w.body())
	w.around(n.X, w.call("InRange", "&"+o, w.site(n, opReceive, channel), ""), ")")
	value := ""
	if n.Key != nil {
		value = name(n.Key)
	} else {
		value = w.temporary("v")
		w.insert(n.Range, rankOpen, value+" := ")
	}
	if value == "" {
		w.insert(n.Body.Lbrace+1, rankStart, " "+w.call("NextDone", "&"+o)+");")
		return
	}
	w.insert(n.Body.Lbrace+1, rankStart, " "+w.call("Next", "&"+o, value)+");")
}

// clause handles a case of a select: its operands stay where they are evaluated, and what comes of
// it is recorded first thing when it is chosen.
func (w *writer) clause(n *ast.CommClause) {
	body := w.body()
	chosen := func(text string) { w.insert(n.Colon+1, rankStart, " "+text+";") }
	switch comm := n.Comm.(type) {
	case nil:
		o := w.operand(body)
		chosen(w.call("Default", "&"+o, w.site(n, opDefault, nil)) + ")")
	case *ast.SendStmt:
		w.handled[comm] = true
		channel := w.channel(comm.Chan)
		if channel == nil {
			return
		}
		o := w.operand(body)
		w.around(comm.Chan, w.call("Out", "&"+o, w.site(comm, opSend, channel), ""), ")")
		chosen(w.sent(comm.Value, o, w.element(channel)))
	case *ast.ExprStmt:
		w.handled[comm] = true
		if r, channel := w.receiving(comm.X); r != nil {
			o, v, k := w.operand(body), w.temporary("v"), w.temporary("k")
			w.insert(comm.Pos(), rankOpen, v+", "+k+" := ")
			w.in(r, "InSelect", o, channel)
			chosen(w.recorded(o, v, k))
		} else if r, channel := w.receiving(ast.Unparen(comm.X)); r != nil {
			w.clauseReceive(r, channel, chosen, "", "")
		}
	case *ast.AssignStmt:
		w.handled[comm] = true
		if r, channel := w.receiving(ast.Unparen(comm.Rhs[0])); r != nil {
			value, ok := w.results(comm)
			w.clauseReceive(r, channel, chosen, value, ok)
		}
	}
}

func (w *writer) clauseReceive(r *ast.UnaryExpr, channel types.Type, chosen func(string), value, ok string) {
	o := w.operand(w.body())
	w.in(r, "InSelect", o, channel)
	chosen(w.recorded(o, value, ok))
}

// The kinds of values, as in the runtime package.
const (
	kindInt = 1 + iota
	kindUint
	kindBool
	kindFloat
	kindString
	kindPointer
)

// sent goes around the value of a send in a select, where that doesn't change its type, and is the
// call that records the send.
func (w *writer) sent(value ast.Expr, operand string, element types.Type) string {
	o := "&" + operand
	known := w.info.Types[value]
	basic, _ := element.Underlying().(*types.Basic)
	switch {
	case known.IsNil():
		return w.call("SentBits", o, strconv.Itoa(kindPointer), "0") + ")"
	case known.Value != nil:
		if basic == nil {
			basic, _ = types.Default(known.Type).Underlying().(*types.Basic)
		}
		if basic == nil {
			return w.call("Sent", o) + ")"
		}
		if basic.Info()&types.IsString != 0 && known.Value.Kind() == constant.String {
			return w.call("SentString", o, strconv.Quote(constant.StringVal(known.Value))) + ")"
		}
		kind, bits := constantBits(known.Value, basic)
		if kind == 0 {
			return w.call("Sent", o) + ")"
		}
		return w.call("SentBits", o, strconv.Itoa(kind), "0x"+strconv.FormatUint(bits, 16)) + ")"
	case known.Type == nil || (adapts(value) && known.Type != types.Typ[types.Bool]):
		return w.call("Sent", o) + ")"
	}
	if signature, ok := known.Type.(*types.Signature); ok && signature.TypeParams().Len() > 0 {
		return w.call("Sent", o) + ")"
	}
	if _, ok := ast.Unparen(value).(*ast.Ident); ok {
		if _, ok := known.Type.(*types.Signature); ok {
			return w.call("Sent", o) + ")"
		}
	}
	w.around(value, w.call("Val", o, ""), ")")
	return w.call("Sent", o) + ")"
}

// adapts says whether an expression's type may depend on what it is assigned to.
func adapts(expression ast.Expr) bool {
	switch e := expression.(type) {
	case *ast.ParenExpr:
		return adapts(e.X)
	case *ast.UnaryExpr:
		return e.Op != token.ARROW && e.Op != token.AND && adapts(e.X)
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		switch e.Op {
		case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			return true
		case token.SHL, token.SHR:
			return adapts(e.X)
		}
		return adapts(e.X) && adapts(e.Y)
	case *ast.Ident:
		return e.Name == "true" || e.Name == "false" || e.Name == "nil" || e.Name == "iota"
	}
	return false
}

func constantBits(value constant.Value, basic *types.Basic) (int, uint64) {
	switch flags := basic.Info(); {
	case flags&types.IsBoolean != 0:
		if constant.BoolVal(value) {
			return kindBool, 1
		}
		return kindBool, 0
	case flags&types.IsInteger != 0:
		value = constant.ToInt(value)
		if n, ok := constant.Int64Val(value); ok {
			return kindInt, uint64(n)
		}
		n, _ := constant.Uint64Val(value)
		return kindUint, n
	case flags&types.IsFloat != 0:
		if basic.Kind() == types.Float32 {
			f, _ := constant.Float32Val(constant.ToFloat(value))
			return kindFloat, math.Float64bits(float64(f))
		}
		f, _ := constant.Float64Val(constant.ToFloat(value))
		return kindFloat, math.Float64bits(f)
	}
	return 0, 0
}

// receive handles a receive whose value is used in an expression.
func (w *writer) receive(n *ast.UnaryExpr) {
	r, channel := w.receiving(n)
	if r == nil {
		return
	}
	body := w.body()
	if body == nil {
		w.handled[r] = true
		w.replace(r.Pos(), 2, w.call("Receive", w.site(r, opReceive, channel), ""))
		w.insert(r.End(), rankClose, ")")
		return
	}
	o := w.operand(body)
	w.around(r, w.call("Got", "&"+o, ""), ")")
	w.in(r, "In", o, channel)
}

func (w *writer) isBuiltin(call *ast.CallExpr, name string) bool {
	id, ok := call.Fun.(*ast.Ident)
	if !ok || id.Name != name {
		return false
	}
	_, ok = w.info.Uses[id].(*types.Builtin)
	return ok
}

// builtin handles make, and close where no statement can follow.
func (w *writer) builtin(n *ast.CallExpr) {
	switch {
	case w.isBuiltin(n, "make") && len(n.Args) > 0:
		channel := w.info.Types[n.Args[0]].Type
		if channel == nil {
			return
		}
		if c, ok := channel.Underlying().(*types.Chan); ok && c.Dir() == types.SendRecv {
			w.around(n, w.call("Made", w.site(n, opMake, channel), ""), ")")
		}
	case w.isBuiltin(n, "close") && len(n.Args) == 1:
		if channel := w.channel(n.Args[0]); channel != nil {
			w.replace(n.Pos(), len("close"), w.prefix+"H.Close")
			w.insert(n.Args[0].Pos(), rankOpen, w.site(n, opClose, channel)+", ")
		}
	}
}

// quote is a string literal of these bytes, on one line.
func quote(bytes []byte) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, b := range bytes {
		switch {
		case b == '"' || b == '\\':
			out.WriteByte('\\')
			out.WriteByte(b)
		case b >= ' ' && b <= '~':
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, "\\x%02x", b)
		}
	}
	out.WriteByte('"')
	return out.String()
}

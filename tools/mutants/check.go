package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A check is one condition that ends in a refusal.
type check struct {
	id      string // dir/function#n, stable while the function's checks are
	dir     string
	tests   string
	file    string
	line    int
	what    string // the refusal's words, or the condition
	source  []byte
	from    int // the condition's place in source
	to      int
	noticed string // a test that failed without the check
}

// checksIn finds the checks of a package, in the order of files and lines.
func checksIn(dir, tests string) ([]*check, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []*check
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, source, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := 0
			found := func(cond ast.Expr, body []ast.Stmt) {
				if !refuses(body) {
					return
				}
				n++
				at := fset.Position(cond.Pos())
				all = append(all, &check{
					id: fmt.Sprintf("%s/%s#%d", dir, functionName(fn), n), dir: dir, tests: tests, file: name, line: at.Line,
					what: words(body, string(source[at.Offset:fset.Position(cond.End()).Offset])), source: source, from: at.Offset, to: fset.Position(cond.End()).Offset,
				})
			}
			ast.Inspect(fn.Body, func(node ast.Node) bool {
				switch s := node.(type) {
				case *ast.IfStmt:
					found(s.Cond, s.Body.List)
				case *ast.SwitchStmt:
					if s.Tag != nil {
						return true
					}
					for _, clause := range s.Body.List {
						for _, cond := range clause.(*ast.CaseClause).List {
							found(cond, clause.(*ast.CaseClause).Body)
						}
					}
				}
				return true
			})
		}
	}
	return all, nil
}

func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// makers are the functions by which the core makes its own refusals, as
// against passing an error on.
var makers = regexp.MustCompile(`^(refuse|Errorf|New|corrupt|malformed|wrongType|uncounted|shortfall|bad|refused)$`)

// refuses says whether a body ends by returning a refusal of its own.
func refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	ret, ok := body[len(body)-1].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	made := false
	for _, result := range ret.Results {
		ast.Inspect(result, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.CallExpr:
				switch f := x.Fun.(type) {
				case *ast.Ident:
					made = made || makers.MatchString(f.Name)
				case *ast.SelectorExpr:
					made = made || makers.MatchString(f.Sel.Name)
				}
			case *ast.CompositeLit:
				if id, ok := x.Type.(*ast.Ident); ok && strings.HasSuffix(id.Name, "Error") {
					made = true
				}
			case *ast.Ident:
				made = made || regexp.MustCompile(`^[Ee]rr[A-Z]`).MatchString(x.Name)
			}
			return true
		})
	}
	return made
}

// words are the longest text in the refusal; without one, the condition.
func words(body []ast.Stmt, condition string) string {
	best := ""
	ast.Inspect(body[len(body)-1], func(node ast.Node) bool {
		if lit, ok := node.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && len(s) > len(best) {
				best = s
			}
		}
		return true
	})
	if best == "" {
		best = condition
	}
	return strings.Join(strings.Fields(best), " ")
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// try runs the tests with the check removed, and returns the one that failed.
func (c *check) try(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	mutant := append([]byte(nil), c.source[:c.from]...)
	mutant = append(append(append(mutant, "false && ("...), c.source[c.from:c.to]...), ')')
	mutant = append(mutant, c.source[c.to:]...)
	path, err := filepath.Abs(c.file)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "mutant.go")}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "mutant.go"), mutant, 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", filepath.Join(dir, "overlay.json"), "-vet=off", "-timeout", "3m", c.tests)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", fmt.Errorf("running the tests of %s: %w", c.dir, err)
	case strings.Contains(string(out), "[build failed]"):
		return "", fmt.Errorf("removing %s (%s:%d) does not compile:\n%s", c.id, c.file, c.line, out)
	}
	deepest := ""
	for _, m := range failed.FindAllStringSubmatch(string(out), -1) {
		if deepest == "" || strings.HasPrefix(m[1], deepest+"/") {
			deepest = m[1]
		}
	}
	if deepest == "" { // a panic, or a test that ran without end
		deepest = "(the tests end in a panic or run without end)"
	}
	return deepest, nil
}

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A check is one condition that ends in a refusal.
type check struct {
	id      string // dir/function#n, stable while the function's checks are
	dir     string
	file    string
	line    int
	what    string // the refusal's words, or the condition
	from    int    // the condition's place in the file
	to      int
	noticed string // a test that failed without the check
}

// checksIn finds the checks of a package, in the order of files and lines. In a
// pure package every error is a refusal, one that is passed on in a sentence too;
// elsewhere that may be a fault of the disk or the network, and is no check.
func checksIn(dir string, pure bool) ([]*check, error) {
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
				if !refuses(body) || !pure && passesOn(cond, body) {
					return
				}
				n++
				at := fset.Position(cond.Pos())
				all = append(all, &check{
					id: fmt.Sprintf("%s/%s#%d", dir, functionName(fn), n), dir: dir, file: name, line: at.Line,
					what: words(body, string(source[at.Offset:fset.Position(cond.End()).Offset])), from: at.Offset, to: fset.Position(cond.End()).Offset,
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
var makers = regexp.MustCompile(`^(refuse|never|Errorf|New|corrupt|malformed|wrongType|uncounted|shortfall|bad|refused)$`)

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
				made = made || isErrorType(x.Type)
			case *ast.Ident:
				made = made || regexp.MustCompile(`^[Ee]rr[A-Z]`).MatchString(x.Name)
			}
			return true
		})
	}
	return made
}

// isErrorType says whether a literal of this type is an error of ours.
func isErrorType(t ast.Expr) bool {
	if sel, ok := t.(*ast.SelectorExpr); ok {
		t = sel.Sel
	}
	id, ok := t.(*ast.Ident)
	return ok && strings.HasSuffix(id.Name, "Error")
}

// passesOn says whether a body only passes on, in a sentence, the error that its
// condition found: if err != nil { return fmt.Errorf("reading it: %w", err) }.
func passesOn(cond ast.Expr, body []ast.Stmt) bool {
	found, ok := cond.(*ast.BinaryExpr)
	if !ok || found.Op != token.NEQ {
		return false
	}
	err, isName := found.X.(*ast.Ident)
	if zero, ok := found.Y.(*ast.Ident); !ok || zero.Name != "nil" || !isName {
		return false
	}
	passed := false
	ast.Inspect(body[len(body)-1], func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if ok && f.Sel.Name == "Errorf" {
			last, ok := call.Args[len(call.Args)-1].(*ast.Ident)
			passed = passed || ok && last.Name == err.Name
		}
		return true
	})
	return passed
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

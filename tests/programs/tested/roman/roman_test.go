package roman

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var prepared int

func TestMain(m *testing.M) {
	prepared, _ = Parse("MMXXVI")
	os.Exit(m.Run())
}

func TestPrepared(t *testing.T) {
	if prepared != 2026 {
		t.Fatal("TestMain has not run")
	}
}

func TestCases(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "cases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(raw)) {
		t.Run(line, func(t *testing.T) {
			number, text, _ := strings.Cut(line, "=")
			n, err := Parse(text)
			if err != nil || fmt.Sprint(n) != number {
				t.Errorf("Parse(%s) = %d, %v", text, n, err)
			}
		})
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("XIV")
	f.Add("IIII")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Format(n); err != nil || again != text {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	for range b.N {
		_, _ = Format(3888)
	}
}

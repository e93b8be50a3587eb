%{
// The grammar that the code of lines.go pretends to come from.
func fromA(n int) int {
	if n > 2 {
		return 2 * n
	}
	return n
}
%}
%%
rule: 'a' 'b'
    ;
%%
func fromAgain() string { return "again" }

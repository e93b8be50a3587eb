module example.com/clicker

go 1.23

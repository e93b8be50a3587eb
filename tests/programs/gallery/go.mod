module gallery

go 1.23

module example.com/tracetruth

go 1.22

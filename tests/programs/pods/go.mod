module example.com/pods

go 1.23

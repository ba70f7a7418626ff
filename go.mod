module faultline

go 1.26.8

size = 4
keep = 5

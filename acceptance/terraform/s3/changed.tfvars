max_age = 600

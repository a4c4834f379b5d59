visibility = 60

most = 6

heavier = 30

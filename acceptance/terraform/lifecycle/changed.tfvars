expire_days = 14

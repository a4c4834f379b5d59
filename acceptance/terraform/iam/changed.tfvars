session_seconds = 7200

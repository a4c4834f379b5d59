web_port = 8080

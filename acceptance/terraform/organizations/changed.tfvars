denied = "s3:DeleteObject"

# Apart from the other buckets, because the provider watches a lifecycle
# configuration for a minute before it believes that it stays.
variable "expire_days" {
  type    = number
  default = 30
}

resource "aws_s3_bucket" "main" {
  bucket        = "tf-lifecycle"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  depends_on = [aws_s3_bucket_versioning.main]
  bucket     = aws_s3_bucket.main.id
  rule {
    id     = "logs"
    status = "Enabled"
    filter { prefix = "logs/" }
    expiration { days = var.expire_days }
    noncurrent_version_expiration { noncurrent_days = 7 }
  }
  rule {
    id     = "cold"
    status = "Enabled"
    filter {
      and {
        prefix                   = "data/"
        tags                     = { keep = "long" }
        object_size_greater_than = 200000
      }
    }
    transition {
      days          = 30
      storage_class = "STANDARD_IA"
    }
    transition {
      days          = 90
      storage_class = "GLACIER"
    }
  }
  rule {
    id     = "parts"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 3 }
  }
}

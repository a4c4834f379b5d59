# The provider finds the cloud by AWS_ENDPOINT_URL and the credentials in the
# environment. Nothing is skipped; only buckets are addressed by path, because
# not every machine resolves bucket.localhost.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region            = "us-east-1"
  s3_use_path_style = true
  default_tags {
    tags = { managed = "terraform" }
  }
}

data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}

# Volumes and snapshots, with what looks after them: copies in another region,
# shares, encryption by default, a lifecycle policy, a retention rule.
variable "size" {
  type    = number
  default = 2
}

variable "keep" {
  type    = number
  default = 3
}

provider "aws" {
  alias  = "far"
  region = "eu-west-1"
}

provider "aws" {
  alias  = "encrypting"
  region = "us-west-2"
}

resource "aws_ebs_volume" "gp3" {
  availability_zone = "us-east-1a"
  size              = var.size
  type              = "gp3"
  throughput        = 200
  tags              = { Name = "tf-gp3", backup = "yes" }
}

resource "aws_ebs_volume" "io2" {
  availability_zone    = "us-east-1b"
  size                 = 10
  type                 = "io2"
  iops                 = 500
  multi_attach_enabled = true
  encrypted            = true
}

resource "aws_ebs_snapshot" "first" {
  volume_id   = aws_ebs_volume.gp3.id
  description = "made by Terraform"
  tags        = { Name = "tf-first" }
}

resource "aws_ebs_volume" "restored" {
  availability_zone = "us-east-1c"
  snapshot_id       = aws_ebs_snapshot.first.id
  type              = "gp2"
}

resource "aws_ebs_snapshot_copy" "here" {
  source_snapshot_id = aws_ebs_snapshot.first.id
  source_region      = "us-east-1"
}

resource "aws_ebs_snapshot_copy" "far" {
  provider           = aws.far
  source_snapshot_id = aws_ebs_snapshot.first.id
  source_region      = "us-east-1"
  description        = "far away"
}

resource "aws_snapshot_create_volume_permission" "other" {
  snapshot_id = aws_ebs_snapshot.first.id
  account_id  = "111111111111"
}

resource "aws_ebs_encryption_by_default" "there" {
  provider = aws.encrypting
  enabled  = true
}

resource "aws_ebs_volume" "encrypted" {
  provider          = aws.encrypting
  availability_zone = "us-west-2a"
  size              = 1
  depends_on        = [aws_ebs_encryption_by_default.there]
}

resource "aws_ebs_snapshot_block_public_access" "here" {
  state = "block-all-sharing"
}

data "aws_ebs_snapshot" "latest" {
  most_recent = true
  owners      = ["self"]
  filter {
    name   = "tag:Name"
    values = ["tf-first"]
  }
  depends_on = [aws_ebs_snapshot.first]
}

data "aws_ebs_volumes" "backed_up" {
  filter {
    name   = "tag:backup"
    values = ["yes"]
  }
  depends_on = [aws_ebs_volume.gp3]
}

output "found" {
  value = [data.aws_ebs_snapshot.latest.volume_id == aws_ebs_volume.gp3.id, length(data.aws_ebs_volumes.backed_up.ids)]
}

resource "aws_iam_role" "dlm" {
  name = "tf-dlm"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "dlm.amazonaws.com" } }]
  })
}

resource "aws_dlm_lifecycle_policy" "daily" {
  description        = "daily backups"
  execution_role_arn = aws_iam_role.dlm.arn
  state              = "ENABLED"
  policy_details {
    resource_types = ["VOLUME"]
    target_tags    = { backup = "yes" }
    schedule {
      name      = "daily"
      copy_tags = true
      create_rule {
        interval      = 24
        interval_unit = "HOURS"
        times         = ["03:00"]
      }
      retain_rule { count = var.keep }
      tags_to_add = { by = "policy" }
      cross_region_copy_rule {
        target    = "eu-west-1"
        encrypted = false
        copy_tags = true
        retain_rule {
          interval      = 7
          interval_unit = "DAYS"
        }
      }
    }
  }
}

resource "aws_rbin_rule" "snapshots" {
  description   = "a week"
  resource_type = "EBS_SNAPSHOT"
  resource_tags {
    resource_tag_key   = "keep"
    resource_tag_value = "yes"
  }
  retention_period {
    retention_period_value = 7
    retention_period_unit  = "DAYS"
  }
}

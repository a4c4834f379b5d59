# Instances with volumes and elastic addresses, a launch template, an image.
variable "stage" {
  type    = string
  default = "test"
}

data "aws_ami" "al2023" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-ami-2023.*-kernel-6.1-*"]
  }
}

data "aws_ssm_parameter" "al2023" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${data.aws_ami.al2023.architecture}"
}

data "aws_vpc" "default" { default = true }

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
  filter {
    name   = "availability-zone"
    values = ["us-east-1a"]
  }
}

resource "aws_key_pair" "me" {
  key_name   = "tf-me"
  public_key = file("id_ed25519.pub")
}

resource "aws_iam_role" "instance" {
  name = "tf-instance"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_instance_profile" "instance" {
  name = "tf-instance"
  role = aws_iam_role.instance.name
}

resource "aws_security_group" "web" {
  name   = "tf-web"
  vpc_id = data.aws_vpc.default.id
  ingress {
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  ami                    = data.aws_ssm_parameter.al2023.value
  instance_type          = "t3.micro"
  subnet_id              = data.aws_subnets.default.ids[0]
  key_name               = aws_key_pair.me.key_name
  iam_instance_profile   = aws_iam_instance_profile.instance.name
  vpc_security_group_ids = [aws_security_group.web.id]
  user_data              = <<-EOT
    #!/bin/sh
    mkdir -p /var/www/html
    echo hello from terraform > /var/www/html/index.html
    httpd -p 80 -h /var/www/html
  EOT
  metadata_options {
    http_tokens            = "required"
    instance_metadata_tags = "enabled"
  }
  root_block_device {
    volume_size = 9
    volume_type = "gp3"
    encrypted   = true
  }
  tags = { Name = "web", stage = var.stage }
}

resource "aws_instance" "disks" {
  ami           = data.aws_ami.al2023.id
  instance_type = "t3.micro"
  ebs_block_device {
    device_name = "/dev/sdg"
    volume_size = 2
  }
}

resource "aws_ebs_volume" "data" {
  availability_zone = aws_instance.web.availability_zone
  size              = 10
  type              = "gp3"
  iops              = 4000
  throughput        = 250
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = aws_instance.web.id
}

resource "aws_ebs_snapshot" "data" {
  volume_id  = aws_ebs_volume.data.id
  depends_on = [aws_volume_attachment.data]
}

resource "aws_ebs_volume" "copy" {
  availability_zone = "us-east-1b"
  snapshot_id       = aws_ebs_snapshot.data.id
}

resource "aws_eip" "web" {
  instance = aws_instance.web.id
  domain   = "vpc"
}

resource "aws_ami_from_instance" "golden" {
  name                    = "tf-golden"
  source_instance_id      = aws_instance.web.id
  snapshot_without_reboot = true
}

resource "aws_launch_template" "web" {
  name          = "tf-web"
  image_id      = aws_ami_from_instance.golden.id
  instance_type = "t3.micro"
  tag_specifications {
    resource_type = "instance"
    tags          = { from = "template" }
  }
}

resource "aws_instance" "templated" {
  tags = { from = "template" } # which the template gives it, and Terraform wants to hear
  launch_template {
    id      = aws_launch_template.web.id
    version = "$Latest"
  }
}

resource "aws_placement_group" "spread" {
  name     = "tf-spread"
  strategy = "spread"
}

output "address" { value = aws_eip.web.public_ip }

# An Application Load Balancer with TLS, rules and weighted targets, a Network
# Load Balancer and a classic one, before instances in two zones.
variable "heavier" {
  type    = number
  default = 80
}

data "aws_ssm_parameter" "al2023" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_vpc" "main" {
  cidr_block           = "10.7.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_internet_gateway" "main" { vpc_id = aws_vpc.main.id }

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  availability_zone = "us-east-1${["a", "b"][count.index]}"
  cidr_block        = "10.7.${count.index}.0/24"
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_security_group" "balancer" {
  name   = "tf-balancer"
  vpc_id = aws_vpc.main.id
  dynamic "ingress" {
    for_each = [80, 443, 8080]
    content {
      protocol    = "tcp"
      from_port   = ingress.value
      to_port     = ingress.value
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "web" {
  name   = "tf-web"
  vpc_id = aws_vpc.main.id
  ingress {
    protocol        = "tcp"
    from_port       = 80
    to_port         = 80
    security_groups = [aws_security_group.balancer.id]
  }
  ingress {
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = [aws_vpc.main.cidr_block]
  }
}

resource "aws_instance" "web" {
  count                  = 2
  ami                    = data.aws_ssm_parameter.al2023.value
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.public[count.index].id
  vpc_security_group_ids = [aws_security_group.web.id]
  user_data              = <<-EOT
    #!/bin/sh
    mkdir -p /srv/web/api
    echo web ${count.index} > /srv/web/index.html
    echo api ${count.index} > /srv/web/api/index.html
    httpd -p 80 -h /srv/web > /dev/null 2>&1 &
  EOT
}

resource "aws_iam_server_certificate" "name" {
  for_each         = toset(["one", "two"])
  name             = "tf-${each.key}"
  certificate_body = file("${each.key}.crt")
  private_key      = file("${each.key}.key")
}

resource "aws_s3_bucket" "logs" {
  bucket        = "tf-balancer-logs"
  force_destroy = true
}

data "aws_elb_service_account" "here" {}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = data.aws_elb_service_account.here.arn }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.logs.arn}/*"
    }]
  })
}

resource "aws_lb" "web" {
  name            = "tf-web"
  subnets         = aws_subnet.public[*].id
  security_groups = [aws_security_group.balancer.id]
  idle_timeout    = 30
  access_logs {
    bucket  = aws_s3_bucket.logs.id
    prefix  = "web"
    enabled = true
  }
  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_lb_target_group" "web" {
  count                = 2
  name                 = "tf-web-${count.index}"
  vpc_id               = aws_vpc.main.id
  port                 = 80
  protocol             = "HTTP"
  deregistration_delay = 5
  slow_start           = count.index == 0 ? 0 : 30
  health_check {
    path                = "/"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
    matcher             = "200-299"
  }
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 600
    enabled         = count.index == 1
  }
}

resource "aws_lb_target_group_attachment" "web" {
  count            = 2
  target_group_arn = aws_lb_target_group.web[count.index].arn
  target_id        = aws_instance.web[count.index].id
}

resource "aws_lb_listener" "plain" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "secure" {
  load_balancer_arn = aws_lb.web.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_iam_server_certificate.name["one"].arn
  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.web[0].arn
        weight = var.heavier
      }
      target_group {
        arn    = aws_lb_target_group.web[1].arn
        weight = 100 - var.heavier
      }
      stickiness {
        enabled  = false
        duration = 60
      }
    }
  }
}

resource "aws_lb_listener_certificate" "two" {
  listener_arn    = aws_lb_listener.secure.arn
  certificate_arn = aws_iam_server_certificate.name["two"].arn
}

resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.secure.arn
  priority     = 10
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web[1].arn
  }
  condition {
    path_pattern { values = ["/api/*"] }
  }
  condition {
    http_request_method { values = ["GET", "HEAD"] }
  }
}

resource "aws_lb_listener_rule" "down" {
  listener_arn = aws_lb_listener.secure.arn
  priority     = 20
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "back soon"
      status_code  = "503"
    }
  }
  condition {
    host_header { values = ["down.example.com"] }
  }
  condition {
    query_string {
      key   = "show"
      value = "*"
    }
  }
  condition {
    source_ip { values = ["0.0.0.0/0"] }
  }
  condition {
    http_header {
      http_header_name = "X-Test"
      values           = ["yes", "maybe*"]
    }
  }
}

# A network load balancer with an address of one's own in each zone.
resource "aws_eip" "front" {
  count  = 2
  domain = "vpc"
}

resource "aws_lb" "front" {
  name                             = "tf-front"
  load_balancer_type               = "network"
  enable_cross_zone_load_balancing = true
  dynamic "subnet_mapping" {
    for_each = [0, 1]
    content {
      subnet_id     = aws_subnet.public[subnet_mapping.value].id
      allocation_id = aws_eip.front[subnet_mapping.value].id
    }
  }
}

resource "aws_lb_target_group" "front" {
  name               = "tf-front"
  vpc_id             = aws_vpc.main.id
  port               = 80
  protocol           = "TCP"
  preserve_client_ip = "false"
  health_check {
    protocol            = "TCP"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group_attachment" "front" {
  count            = 2
  target_group_arn = aws_lb_target_group.front.arn
  target_id        = aws_instance.web[count.index].id
}

resource "aws_lb_listener" "front" {
  load_balancer_arn = aws_lb.front.arn
  port              = 8080
  protocol          = "TCP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.front.arn
  }
}

# A classic load balancer.
resource "aws_elb" "classic" {
  name            = "tf-classic"
  subnets         = aws_subnet.public[*].id
  security_groups = [aws_security_group.balancer.id]
  instances       = aws_instance.web[*].id
  listener {
    instance_port     = 80
    instance_protocol = "http"
    lb_port           = 80
    lb_protocol       = "http"
  }
  listener {
    instance_port      = 80
    instance_protocol  = "http"
    lb_port            = 443
    lb_protocol        = "https"
    ssl_certificate_id = aws_iam_server_certificate.name["one"].arn
  }
  health_check {
    target              = "HTTP:80/"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
  cross_zone_load_balancing   = true
  connection_draining         = true
  connection_draining_timeout = 10
}

resource "aws_lb_cookie_stickiness_policy" "classic" {
  name                     = "tf-sticky"
  load_balancer            = aws_elb.classic.name
  lb_port                  = 80
  cookie_expiration_period = 600
}

output "web" { value = aws_lb.web.dns_name }
output "front" { value = aws_eip.front[0].public_ip }
output "classic" { value = aws_elb.classic.dns_name }

# The same balancer as a service for other networks, and an endpoint to it in
# one.
resource "aws_vpc_endpoint_service" "front" {
  acceptance_required        = true
  network_load_balancer_arns = [aws_lb.front.arn]
  allowed_principals         = ["arn:aws:iam::111122223333:root"]
  private_dns_name           = "front.example.com"
  tags                       = { Name = "front" }
}

resource "aws_vpc" "guest" { cidr_block = "10.7.0.0/16" }

resource "aws_subnet" "guest" {
  vpc_id            = aws_vpc.guest.id
  availability_zone = "us-east-1a"
  cidr_block        = "10.7.0.0/24"
}

resource "aws_vpc_endpoint" "guest" {
  vpc_id            = aws_vpc.guest.id
  service_name      = aws_vpc_endpoint_service.front.service_name
  vpc_endpoint_type = "Interface"
  subnet_ids        = [aws_subnet.guest.id]
}

resource "aws_vpc_endpoint_connection_accepter" "guest" {
  vpc_endpoint_service_id = aws_vpc_endpoint_service.front.id
  vpc_endpoint_id         = aws_vpc_endpoint.guest.id
}

resource "aws_vpc_endpoint_connection_notification" "front" {
  vpc_endpoint_service_id     = aws_vpc_endpoint_service.front.id
  connection_notification_arn = "arn:aws:sns:us-east-1:000000000000:news"
  connection_events           = ["Accept", "Reject"]
}

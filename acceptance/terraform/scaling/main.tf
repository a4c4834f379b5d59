# An Auto Scaling group behind an Application Load Balancer, with target
# tracking, steps, scheduled actions, a lifecycle hook and a warm pool.
variable "most" {
  type    = number
  default = 4
}

data "aws_ssm_parameter" "al2023" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "aws_vpc" "default" { default = true }

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
  filter {
    name   = "availability-zone"
    values = ["us-east-1a", "us-east-1b"]
  }
}

resource "aws_security_group" "web" {
  name   = "tf-scaling"
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

resource "aws_lb" "web" {
  name            = "tf-scaling"
  subnets         = data.aws_subnets.default.ids
  security_groups = [aws_security_group.web.id]
}

resource "aws_lb_target_group" "web" {
  name                 = "tf-scaling"
  vpc_id               = data.aws_vpc.default.id
  port                 = 80
  protocol             = "HTTP"
  deregistration_delay = 0
  health_check {
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

resource "aws_launch_template" "web" {
  name_prefix            = "tf-scaling-"
  image_id               = data.aws_ssm_parameter.al2023.value
  instance_type          = "t3.micro"
  vpc_security_group_ids = [aws_security_group.web.id]
  update_default_version = true
  user_data = base64encode(<<-EOT
    #!/bin/sh
    mkdir -p /srv/web
    hostname > /srv/web/index.html
    httpd -p 80 -h /srv/web > /dev/null 2>&1 &
  EOT
  )
}

resource "aws_autoscaling_group" "web" {
  name_prefix               = "tf-scaling-"
  vpc_zone_identifier       = data.aws_subnets.default.ids
  target_group_arns         = [aws_lb_target_group.web.arn]
  min_size                  = 2
  max_size                  = var.most
  desired_capacity          = 2
  health_check_type         = "EC2"
  health_check_grace_period = 30
  default_cooldown          = 60
  termination_policies      = ["OldestLaunchTemplate", "Default"]
  enabled_metrics           = ["GroupInServiceInstances", "GroupDesiredCapacity"]
  launch_template {
    id      = aws_launch_template.web.id
    version = aws_launch_template.web.latest_version
  }
  instance_refresh {
    strategy = "Rolling"
    preferences { min_healthy_percentage = 50 }
  }
  tag {
    key                 = "Name"
    value               = "tf-scaling"
    propagate_at_launch = true
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.web.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    predefined_metric_specification { predefined_metric_type = "ASGAverageCPUUtilization" }
    target_value = 50
  }
}

resource "aws_autoscaling_policy" "requests" {
  name                   = "requests"
  autoscaling_group_name = aws_autoscaling_group.web.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.web.arn_suffix}/${aws_lb_target_group.web.arn_suffix}"
    }
    target_value = 1000
  }
  depends_on = [aws_lb_listener.web] # until then nothing leads to the group
}

resource "aws_autoscaling_policy" "steps" {
  name                   = "steps"
  autoscaling_group_name = aws_autoscaling_group.web.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"
  step_adjustment {
    scaling_adjustment          = 1
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 20
  }
  step_adjustment {
    scaling_adjustment          = 2
    metric_interval_lower_bound = 20
  }
}

resource "aws_cloudwatch_metric_alarm" "busy" {
  alarm_name          = "tf-scaling-busy"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  statistic           = "Average"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.web.name }
  period              = 60
  evaluation_periods  = 2
  threshold           = 70
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_autoscaling_policy.steps.arn]
}

resource "aws_autoscaling_schedule" "morning" {
  scheduled_action_name  = "morning"
  autoscaling_group_name = aws_autoscaling_group.web.name
  min_size               = 2
  max_size               = var.most
  desired_capacity       = 3
  recurrence             = "0 8 * * 1-5"
  time_zone              = "Europe/Berlin"
}

resource "aws_autoscaling_schedule" "once" {
  scheduled_action_name  = "once"
  autoscaling_group_name = aws_autoscaling_group.web.name
  min_size               = 2
  max_size               = var.most
  desired_capacity       = 2
  start_time             = "2038-01-18T00:00:00Z"
}

resource "aws_sqs_queue" "events" { name = "tf-scaling-events" }

resource "aws_iam_role" "hook" {
  name = "tf-scaling-hook"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "autoscaling.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
  inline_policy {
    name = "send"
    policy = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = ["sqs:SendMessage", "sqs:GetQueueUrl"], Resource = aws_sqs_queue.events.arn }]
    })
  }
}

resource "aws_autoscaling_lifecycle_hook" "leaving" {
  name                    = "leaving"
  autoscaling_group_name  = aws_autoscaling_group.web.name
  lifecycle_transition    = "autoscaling:EC2_INSTANCE_TERMINATING"
  default_result          = "CONTINUE"
  heartbeat_timeout       = 30
  notification_target_arn = aws_sqs_queue.events.arn
  role_arn                = aws_iam_role.hook.arn
}

output "web" { value = aws_lb.web.dns_name }

# Alarms on metrics, on metric math and on other alarms; a dashboard.
variable "threshold" {
  type    = number
  default = 100
}

resource "aws_sqs_queue" "jobs" { name = "tf-watching" }

resource "aws_cloudwatch_metric_alarm" "backlog" {
  alarm_name          = "tf-backlog"
  alarm_description   = "too much waits"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.jobs.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = var.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  alarm_name                            = "tf-slow"
  namespace                             = "app"
  metric_name                           = "latency"
  extended_statistic                    = "p99"
  period                                = 60
  evaluation_periods                    = 1
  threshold                             = 0.5
  comparison_operator                   = "GreaterThanThreshold"
  evaluate_low_sample_count_percentiles = "ignore"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "tf-errors"
  evaluation_periods  = 2
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  metric_query {
    id          = "rate"
    expression  = "100 * FILL(errors, 0) / requests"
    label       = "error rate"
    return_data = true
  }
  metric_query {
    id = "errors"
    metric {
      namespace   = "app"
      metric_name = "errors"
      period      = 60
      stat        = "Sum"
    }
  }
  metric_query {
    id = "requests"
    metric {
      namespace   = "app"
      metric_name = "requests"
      period      = 60
      stat        = "Sum"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "unusual" {
  alarm_name          = "tf-unusual"
  evaluation_periods  = 2
  threshold_metric_id = "band"
  comparison_operator = "LessThanLowerOrGreaterThanUpperThreshold"
  metric_query {
    id          = "band"
    expression  = "ANOMALY_DETECTION_BAND(m, 2)"
    label       = "expected"
    return_data = true
  }
  metric_query {
    id          = "m"
    return_data = true
    metric {
      namespace   = "app"
      metric_name = "requests"
      period      = 300
      stat        = "Sum"
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "bad" {
  alarm_name        = "tf-bad"
  alarm_description = "slow and failing"
  alarm_rule        = "ALARM(${aws_cloudwatch_metric_alarm.slow.alarm_name}) AND (ALARM(${aws_cloudwatch_metric_alarm.errors.alarm_name}) OR NOT OK(${aws_cloudwatch_metric_alarm.backlog.alarm_name}))"
  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.unusual.alarm_name
    wait_period      = 60
    extension_period = 120
  }
}

resource "aws_cloudwatch_dashboard" "app" {
  dashboard_name = "tf-app"
  dashboard_body = jsonencode({
    widgets = [
      { type = "metric", x = 0, y = 0, width = 12, height = 6, properties = { metrics = [["app", "requests"], [".", "errors"]], period = 60, stat = "Sum", region = "us-east-1", title = "requests" } },
      { type = "text", x = 0, y = 6, width = 6, height = 3, properties = { markdown = "# app" } },
      { type = "alarm", x = 6, y = 6, width = 6, height = 3, properties = { title = "alarms", alarms = [aws_cloudwatch_metric_alarm.backlog.arn] } },
    ]
  })
}

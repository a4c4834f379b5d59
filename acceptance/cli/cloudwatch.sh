# shellcheck shell=bash
# aws cloudwatch: metrics, what is worked out of them, alarms, pictures.

# at is the cloud's time, which points are put at.
at() { curl -s "$ENDPOINT/_pileus/clock" | python3 -c 'import json,sys; print(json.load(sys.stdin)["now"])'; }
state_of() { aws cloudwatch describe-alarms --alarm-types MetricAlarm CompositeAlarm --alarm-names "$1" --query '[MetricAlarms, CompositeAlarms][][].StateValue' --output text; }

metrics() {
  aws cloudwatch list-metrics --namespace Shop --query 'length(Metrics)' --output text | has 0
  aws cloudwatch put-metric-data --namespace Shop --metric-data \
    "[{\"MetricName\":\"orders\",\"Timestamp\":\"$(at)\",\"Dimensions\":[{\"Name\":\"zone\",\"Value\":\"a\"}],\"Values\":[3,5],\"Counts\":[1,2],\"Unit\":\"Count\"},
      {\"MetricName\":\"orders\",\"Timestamp\":\"$(at)\",\"Dimensions\":[{\"Name\":\"zone\",\"Value\":\"b\"}],\"Value\":7,\"Unit\":\"Count\"}]"
  aws cloudwatch list-metrics --namespace Shop --query 'length(Metrics)' --output text | has 2
  local now from to
  now=$(at) from=$(date -u -d "$now - 10 min" +%FT%TZ) to=$(date -u -d "$now + 1 min" +%FT%TZ)
  aws cloudwatch get-metric-statistics --namespace Shop --metric-name orders --dimensions Name=zone,Value=a --start-time "$from" --end-time "$to" --period 3600 \
    --statistics Sum SampleCount Maximum --query 'Datapoints[0].[Sum, SampleCount, Maximum]' --output text | has '13.0	3.0	5.0'
  aws cloudwatch get-metric-data --start-time "$from" --end-time "$to" --metric-data-queries '[
    {"Id": "all", "Expression": "SUM(SEARCH('"'"'{Shop,zone} MetricName=\"orders\"'"'"', '"'"'Sum'"'"', 3600))", "Label": "all orders"}]' \
    --query 'MetricDataResults[0].[Label, Values[0]]' --output text | has 'all orders	20.0'
  refused ValidationError aws cloudwatch get-metric-data --start-time "$from" --end-time "$to" --metric-data-queries '[{"Id": "e", "Expression": "SUM("}]'
}
run_case 'cloudwatch: metrics, statistics, metric math and SEARCH' metrics

alarms() {
  aws cloudwatch put-metric-alarm --alarm-name busy --namespace Shop --metric-name load --statistic Average --period 60 --evaluation-periods 1 \
    --threshold 50 --comparison-operator GreaterThanThreshold
  aws cloudwatch wait alarm-exists --alarm-names busy
  aws cloudwatch describe-alarms --alarm-names busy --query 'length(MetricAlarms[0].AlarmActions)' --output text | has 0
  aws cloudwatch put-composite-alarm --alarm-name trouble --alarm-rule 'ALARM(busy) AND NOT OK(busy)'
  aws cloudwatch put-metric-data --namespace Shop --metric-name load --value 90 --timestamp "$(at)"
  pileus clock advance 2m
  equal ALARM "$(state_of busy)"
  equal ALARM "$(state_of trouble)"
  aws cloudwatch describe-alarm-history --alarm-name busy --history-item-type StateUpdate --query 'AlarmHistoryItems[0].HistorySummary' --output text | has 'to ALARM'
  aws cloudwatch set-alarm-state --alarm-name busy --state-value OK --state-reason 'looked at'
  equal OK "$(state_of busy)"
  refused ValidationError aws cloudwatch delete-alarms --alarm-names busy # the composite one depends on it
  aws cloudwatch delete-alarms --alarm-names trouble
  aws cloudwatch delete-alarms --alarm-names busy
  equal '' "$(state_of busy)"
}
run_case 'cloudwatch: alarms and composite alarms follow the clock' alarms

pictures() {
  aws cloudwatch get-metric-widget-image --metric-widget '{"metrics": [["Shop", "orders", "zone", "a"]], "width": 300, "height": 200}' --query MetricWidgetImage --output text | base64 -d >widget.png
  head -c 8 widget.png | od -An -tx1 | has '89 50 4e 47'
  aws cloudwatch put-dashboard --dashboard-name shop --dashboard-body '{"widgets":[{"type":"text","properties":{"markdown":"# shop"}}]}' --query 'length(DashboardValidationMessages)' --output text | has 0
  aws cloudwatch list-dashboards --query 'DashboardEntries[0].DashboardName' --output text | has shop
  refused InvalidParameterInput aws cloudwatch put-dashboard --dashboard-name shop --dashboard-body '{'
}
run_case 'cloudwatch: pictures and dashboards' pictures

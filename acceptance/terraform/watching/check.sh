measured() {
  now=$(curl -s "$AWS_ENDPOINT_URL/_pileus/clock" | python3 -c 'import json,sys; print(json.load(sys.stdin)["now"])')
  aws cloudwatch put-metric-data --namespace app --metric-data "$(cat <<END
[{"MetricName": "latency", "Timestamp": "$now", "Values": [2], "Counts": [2000]},
 {"MetricName": "errors", "Timestamp": "$now", "Value": 50}, {"MetricName": "requests", "Timestamp": "$now", "Value": 100}]
END
  )"
}
# (A p99 of few samples is not looked at: there are 2,000.)
# Points make the alarms of the composite one ring, once time has passed.
for _ in 1 2 3; do
  measured
  pileus clock advance 1m
done
state() { aws cloudwatch describe-alarms --alarm-types MetricAlarm CompositeAlarm --alarm-names "$1" --query "$2[0].StateValue" --output text; }
test "$(state tf-slow MetricAlarms)" = ALARM
test "$(state tf-errors MetricAlarms)" = ALARM
test "$(state tf-bad CompositeAlarms)" = ALARM

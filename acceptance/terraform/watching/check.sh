measured() {
  now=$(curl -s "$AWS_ENDPOINT_URL/_pileus/clock" | python3 -c 'import json,sys; print(json.load(sys.stdin)["now"])')
  aws cloudwatch put-metric-data --namespace app --metric-data \
    "MetricName=latency,Value=2,Timestamp=$now" "MetricName=errors,Value=50,Timestamp=$now" "MetricName=requests,Value=100,Timestamp=$now"
}
# Points make the alarms of the composite one ring, once time has passed.
for _ in 1 2 3; do
  measured
  pileus clock advance 1m
done
state() { aws cloudwatch describe-alarms --alarm-types MetricAlarm CompositeAlarm --alarm-names "$1" --query "$2[0].StateValue" --output text; }
test "$(state tf-slow MetricAlarms)" = ALARM
test "$(state tf-errors MetricAlarms)" = ALARM
test "$(state tf-bad CompositeAlarms)" = ALARM

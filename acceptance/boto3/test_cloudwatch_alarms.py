"""CloudWatch's alarms, what they do, and metric streams through boto3."""

import json
import time
from datetime import datetime, timezone

from cloud import ACCOUNT, Case, allow, client, name, pileus, policy

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:pager"


class Alarms(Case):
    @classmethod
    def setUpClass(cls):
        cls.cw = client("cloudwatch")

    def watch(self, alarm, **more):
        self.cw.put_metric_alarm(**{
            "AlarmName": alarm, "Namespace": "Alarms", "MetricName": alarm, "Statistic": "Maximum", "Period": 10, "EvaluationPeriods": 1, "Threshold": 10,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore", **more})
        return alarm

    def alarm(self, alarm):
        got = self.cw.describe_alarms(AlarmNames=[alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        return (got["MetricAlarms"] + got["CompositeAlarms"])[0]

    def eventually(self, want, look, seconds=180):
        end = time.monotonic() + seconds
        while (got := look()) != want and time.monotonic() < end:
            time.sleep(0.2)
        self.assertEqual(want, got)

    def state(self, alarm, want):
        self.eventually(want, lambda: self.alarm(alarm)["StateValue"])

    def set(self, alarm, state):
        self.cw.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="drill")

    def test_data_leads_to_alarm(self):
        alarm = self.watch(name("cpu"))
        self.cw.put_metric_data(Namespace="Alarms", MetricData=[{"MetricName": alarm, "Value": 20, "StorageResolution": 1, "Timestamp": datetime.now(timezone.utc)}])
        self.state(alarm, "ALARM")
        a = self.alarm(alarm)
        self.assertRegex(a["StateReason"], r"^Threshold Crossed: 1 out of the last 1 datapoints \[20\.0 \(.*\)\] was greater than the threshold \(10\.0\) \(minimum 1 datapoint for OK -> ALARM transition\)\.$")
        self.assertEqual([20.0], json.loads(a["StateReasonData"])["recentDatapoints"])
        items = self.cw.describe_alarm_history(AlarmName=alarm, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
        self.assertEqual("ALARM", json.loads(items[0]["HistoryData"])["newState"]["stateValue"])

    def test_actions(self):
        alarm = self.watch(name("act"), AlarmActions=[TOPIC])
        self.set(alarm, "ALARM")
        actions = lambda: [h["HistorySummary"].split(". ")[0] for h in self.cw.describe_alarm_history(AlarmName=alarm, HistoryItemType="Action")["AlarmHistoryItems"]]
        self.eventually(1, lambda: len(actions()))
        self.assertIn(TOPIC, actions()[0])
        self.cw.disable_alarm_actions(AlarmNames=[alarm])
        self.set(alarm, "OK")
        self.set(alarm, "ALARM")
        self.assertFalse(self.alarm(alarm)["ActionsEnabled"])
        self.assertEqual(1, len(actions()))
        self.refused("ValidationError", self.watch, name("bad"), AlarmActions=["arn:aws:s3:::bucket"])
        self.refused("ValidationError", self.watch, name("bad"), AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"])

    def test_composite(self):
        a, b, both = self.watch(name("a")), self.watch(name("b")), name("both")
        self.cw.put_composite_alarm(AlarmName=both, AlarmRule=f'ALARM("{a}") AND NOT OK({b})', AlarmActions=[TOPIC],
                                    ActionsSuppressor=b, ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=60, Tags=[{"Key": "team", "Value": "red"}])
        self.state(both, "OK")
        self.set(a, "ALARM")
        self.state(both, "ALARM")
        got = self.alarm(both)
        self.assertEqual(("WaitPeriod", "Actions suppressed by WaitPeriod"), (got["ActionsSuppressedBy"], got["ActionsSuppressedReason"]))
        self.assertIn(f":alarm:{a} transitioned to ALARM at ", got["StateReason"])
        children = self.cw.describe_alarms(ChildrenOfAlarmName=both)["MetricAlarms"]
        self.assertEqual([a, b], [x["AlarmName"] for x in children])
        self.assertEqual([both], [x["AlarmName"] for x in self.cw.describe_alarms(ParentsOfAlarmName=a)["CompositeAlarms"]])
        self.assertEqual([{"Key": "team", "Value": "red"}], self.cw.list_tags_for_resource(ResourceARN=got["AlarmArn"])["Tags"])
        self.refused("ValidationError", self.cw.delete_alarms, AlarmNames=[a])
        self.refused("ValidationError", self.cw.put_composite_alarm, AlarmName=name("x"), AlarmRule="ALARM(nobody-made-it)")
        self.refused("ValidationError", self.cw.put_composite_alarm, AlarmName=name("x"), AlarmRule="ALARM(")
        self.cw.delete_alarms(AlarmNames=[both])
        self.cw.delete_alarms(AlarmNames=[a, b])

    def test_math_alarm(self):
        ns, alarm = name("MathAlarm"), name("rate")
        stat = lambda id, metric: {"Id": id, "ReturnData": False, "MetricStat": {"Period": 10, "Stat": "Sum", "Metric": {"Namespace": ns, "MetricName": metric}}}
        self.cw.put_metric_alarm(AlarmName=alarm, EvaluationPeriods=1, Threshold=0.5, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
                                 Metrics=[{"Id": "rate", "Expression": "e/r", "Label": "rate"}, stat("e", "errors"), stat("r", "requests")])
        now = datetime.now(timezone.utc)
        self.cw.put_metric_data(Namespace=ns, MetricData=[
            {"MetricName": m, "Value": v, "StorageResolution": 1, "Timestamp": now} for m, v in (("errors", 9), ("requests", 10))])
        self.state(alarm, "ALARM")
        self.assertEqual(["rate", "e", "r"], [q["Id"] for q in self.alarm(alarm)["Metrics"]])

    def test_mute_rules(self):
        alarm, rule = self.watch(name("quiet"), AlarmActions=[TOPIC]), name("night")
        self.cw.put_alarm_mute_rule(Name=rule, Rule={"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT1H"}}, MuteTargets={"AlarmNames": [alarm]})
        got = self.cw.get_alarm_mute_rule(AlarmMuteRuleName=rule)
        self.assertEqual(("ACTIVE", "RECURRING"), (got["Status"], got["MuteType"]))
        self.set(alarm, "ALARM")
        summaries = [h["HistorySummary"] for h in self.cw.describe_alarm_history(AlarmName=alarm, HistoryItemType="Action")["AlarmHistoryItems"]]
        self.assertEqual([f"Actions muted by alarm mute rule {rule}"], summaries)
        self.cw.delete_alarm_mute_rule(AlarmMuteRuleName=rule)
        self.refused("ResourceNotFoundException", self.cw.get_alarm_mute_rule, AlarmMuteRuleName=rule)

    def test_streams(self):
        n = name("stream")
        firehose, role = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/d", f"arn:aws:iam::{ACCOUNT}:role/r"
        arn = self.cw.put_metric_stream(Name=n, FirehoseArn=firehose, RoleArn=role, OutputFormat="json", IncludeFilters=[{"Namespace": "AWS/EC2"}])["Arn"]
        self.assertEqual(f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:metric-stream/{n}", arn)
        self.cw.stop_metric_streams(Names=[n])
        got = self.cw.get_metric_stream(Name=n)
        self.assertEqual(("stopped", [{"Namespace": "AWS/EC2"}]), (got["State"], got["IncludeFilters"]))
        self.assertIn(n, [e["Name"] for e in self.cw.list_metric_streams()["Entries"]])
        self.cw.delete_metric_stream(Name=n)
        self.refused("ResourceNotFoundException", self.cw.get_metric_stream, Name=n)

    def test_permissions(self):
        iam, user = client("iam"), name("operator")
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("cloudwatch:SetAlarmState", f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:mine*")))
        mine, other = self.watch(name("mine")), self.watch(name("other"))
        cw = client("cloudwatch", iam.create_access_key(UserName=user)["AccessKey"] )
        cw.set_alarm_state(AlarmName=mine, StateValue="ALARM", StateReason="drill")
        self.refused("AccessDenied", cw.set_alarm_state, AlarmName=other, StateValue="ALARM", StateReason="drill")


class Publishers(Case):
    def test_sqs(self):
        sqs, cw, n = client("sqs"), client("cloudwatch"), name("published")
        url = sqs.create_queue(QueueName=n)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x")
        pileus("clock", "advance", "1m")  # what a minute has brought is published at its end
        metrics = cw.list_metrics(Namespace="AWS/SQS", Dimensions=[{"Name": "QueueName", "Value": n}]).get("Metrics", [])
        self.assertIn("ApproximateNumberOfMessagesVisible", {m["MetricName"] for m in metrics})

"""CloudWatch's metric math, anomaly detection, pictures and Contributor Insights through boto3."""

import json
import struct
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError

from cloud import ACCOUNT, Case, allow, client, name, policy


class Metrics(Case):
    @classmethod
    def setUpClass(cls):
        cls.cw = client("cloudwatch")
        # A round hour in the past, so that periods of any length begin there.
        cls.start = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)

    def feed(self, namespace, metric, values, **dimensions):
        """Publishes a value a minute; None leaves one out."""
        self.cw.put_metric_data(Namespace=namespace, MetricData=[
            {"MetricName": metric, "Value": v, "Timestamp": self.start + timedelta(minutes=i), "Dimensions": [{"Name": k, "Value": d} for k, d in dimensions.items()]}
            for i, v in enumerate(values) if v is not None])

    def stat(self, id, namespace, metric, stat="Sum", period=60, shown=False, **dimensions):
        return {"Id": id, "ReturnData": shown, "MetricStat": {"Period": period, "Stat": stat, "Metric": {
            "Namespace": namespace, "MetricName": metric, "Dimensions": [{"Name": k, "Value": d} for k, d in dimensions.items()]}}}

    def ask(self, *queries, minutes=5, **more):
        return self.cw.get_metric_data(StartTime=self.start, EndTime=self.start + timedelta(minutes=minutes), ScanBy="TimestampAscending", MetricDataQueries=list(queries), **more)

    def values(self, *queries, **more):
        return {r["Label"]: r["Values"] for r in self.ask(*queries, **more)["MetricDataResults"]}


class Math(Metrics):
    def test_expressions(self):
        ns = name("Math")
        self.feed(ns, "errors", [1, 2, None, 4])
        self.feed(ns, "requests", [10, 20, 40, 80])
        m = [self.stat("e", ns, "errors"), self.stat("r", ns, "requests")]
        for expression, want in {
            "100*e/r": [10, 10, 0, 5],
            "SUM([e,r])": [11, 22, 40, 84],
            "IF(r > 15 AND e > 1, 1, 0)": [0, 1, 0, 1],
            "FILL(e, REPEAT)": [1, 2, 2, 4, 4],
            "FILL(e, LINEAR)": [1, 2, 3, 4],
            "RUNNING_SUM(r)": [10, 30, 70, 150],
            "RATE(r)": [10 / 60, 20 / 60, 40 / 60],
            "r-AVG(r)": [-27.5, -17.5, 2.5, 42.5],
            "FIRST(SORT(METRICS(), MAX, ASC))": [1, 2, 4],
            "TIME_SERIES(MAX(r))": [80] * 5,
        }.items():
            got = self.values({"Id": "x", "Expression": expression, "Label": "x"}, *m)
            self.assertEqual(["x"], list(got), expression)
            for a, b in zip(want, got["x"], strict=True):
                self.assertAlmostEqual(a, b, msg=expression)

    def test_search_and_labels(self):
        ns = name("Search")
        for page, v in (("cart", 1), ("home", 7)):
            self.feed(ns, "Latency", [v, v + 1], Page=page)
        self.feed(ns, "Latency", [100], Page="cart", Zone="a")
        search = f"SEARCH('{{\"{ns}\",Page}} MetricName=\"Latency\"', 'Average', 60)"
        self.assertEqual({"cart": [1, 2], "home": [7, 8]}, self.values({"Id": "s", "Expression": search}))
        self.assertEqual({"cart: 2": [1, 2], "home: 8": [7, 8]}, self.values({"Id": "s", "Expression": search, "Label": "${PROP('Dim.Page')}: ${MAX}"}))
        self.assertEqual({"top": [7, 8]}, self.values({"Id": "s", "Expression": search, "ReturnData": False}, {"Id": "t", "Label": "top", "Expression": "FIRST(SORT(s, AVG, DESC))"}))

    def test_metrics_insights(self):
        ns = name("Insights")
        for machine, v in (("i-1", 10), ("i-2", 30)):
            self.feed(ns, "CPUUtilization", [v, v * 2], InstanceId=machine)
        sql = f'SELECT AVG(CPUUtilization) FROM SCHEMA("{ns}", InstanceId)'
        self.assertEqual({"q": [20, 40]}, self.values({"Id": "q", "Expression": sql, "Period": 60, "Label": "q"}))
        self.assertEqual({"i-2": [30, 60]}, self.values({"Id": "q", "Period": 60, "Expression": sql + " GROUP BY InstanceId ORDER BY MAX() DESC LIMIT 1"}))

    def test_pages(self):
        ns = name("Pages")
        self.feed(ns, "a", [1, 2, 3])
        self.feed(ns, "b", [4, 5, 6])
        queries = [self.stat("a", ns, "a", shown=True), self.stat("b", ns, "b", shown=True)]
        first = self.ask(*queries, MaxDatapoints=4)
        self.assertEqual("PartialData", first["MetricDataResults"][1]["StatusCode"])
        pages = self.cw.get_paginator("get_metric_data").paginate(
            StartTime=self.start, EndTime=self.start + timedelta(minutes=5), ScanBy="TimestampAscending", MetricDataQueries=queries, MaxDatapoints=2)
        got = {}
        for page in pages:
            for r in page["MetricDataResults"]:
                got.setdefault(r["Id"], []).extend(r["Values"])
        self.assertEqual({"a": [1, 2, 3], "b": [4, 5, 6]}, got)

    def test_refusals(self):
        for expression, text in {
            "m1 +": "Error in expression 'x': Invalid syntax",
            "NONSENSE(m)": "Error in expression 'x': Function 'NONSENSE' not found",
            "METRICS()+METRICS()": "Unsupported operand type(s) for +: '[Array[TimeSeries], Array[TimeSeries]]'",
            "SELECT nothing": "Error in expression 'x'",
        }.items():
            e = self.refused("ValidationError", self.ask, {"Id": "x", "Expression": expression}, self.stat("m", "N", "m"))
            self.assertIn(text, str(e))


class Detectors(Metrics):
    def test_band(self):
        ns = name("Band")
        begin = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(days=4)
        for day in range(4):
            self.cw.put_metric_data(Namespace=ns, MetricData=[
                {"MetricName": "load", "Timestamp": begin + timedelta(days=day, minutes=5 * i), "Value": 50 + i % 3} for i in range(288)])
        metric = {"Namespace": ns, "MetricName": "load", "Stat": "Average"}
        self.cw.put_anomaly_detector(SingleMetricAnomalyDetector=metric)
        detectors = self.cw.describe_anomaly_detectors(Namespace=ns)["AnomalyDetectors"]
        self.assertEqual([("load", "Average")], [(d["MetricName"], d["Stat"]) for d in detectors])
        self.assertIn(detectors[0]["StateValue"], ("PENDING_TRAINING", "TRAINED"))
        self.cw.delete_anomaly_detector(SingleMetricAnomalyDetector=metric)
        self.refused("ResourceNotFoundException", self.cw.delete_anomaly_detector, SingleMetricAnomalyDetector=metric)
        # Without a detector the band is worked out there and then.
        upper, lower = self.ask({"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(m, 2)"}, self.stat("m", ns, "load", "Average", 300), minutes=60)["MetricDataResults"]
        self.assertEqual((12, 12), (len(upper["Values"]), len(lower["Values"])))
        for u, l in zip(upper["Values"], lower["Values"]):
            self.assertTrue(48 < l < 51 < u < 54, (l, u))


class Pictures(Metrics):
    def test_widget_image(self):
        ns = name("Image")
        self.feed(ns, "n", [3, 9, 4, 7])
        for view in ("timeSeries", "singleValue", "bar", "pie", "gauge"):
            image = self.cw.get_metric_widget_image(MetricWidget=json.dumps({
                "metrics": [[ns, "n", {"period": 60, "stat": "Sum"}]], "view": view, "title": "N", "width": 420, "height": 240, "start": "-PT4H",
                "annotations": {"horizontal": [{"value": 5, "label": "limit"}]}}))["MetricWidgetImage"]
            self.assertEqual(b"\x89PNG\r\n\x1a\n", image[:8])
            self.assertEqual((420, 240), struct.unpack(">II", image[16:24]))
        for widget in ("no", "{}", '{"metrics": [["A"]]}', '{"metrics": [["A", "b"]], "width": 0}'):
            self.refused("InvalidParameterValue", self.cw.get_metric_widget_image, MetricWidget=widget)

    def test_dashboard_messages(self):
        d = name("dash")
        good = {"widgets": [{"type": "metric", "properties": {"metrics": [["A", "b"]], "region": "us-east-1"}}]}
        self.assertEqual([], self.cw.put_dashboard(DashboardName=d, DashboardBody=json.dumps(good))["DashboardValidationMessages"])
        good["widgets"][0]["properties"]["colour"] = "red"
        messages = self.cw.put_dashboard(DashboardName=d, DashboardBody=json.dumps(good))["DashboardValidationMessages"]
        self.assertEqual(["/widgets/0/properties"], [m["DataPath"] for m in messages])
        with self.assertRaises(ClientError) as caught:
            self.cw.put_dashboard(DashboardName=d, DashboardBody='{"widgets": [{"type": "text", "properties": {}}]}')
        self.assertIn("Should have required property 'markdown'", str(caught.exception))


class ContributorInsights(Case):
    RULE = json.dumps({
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["access*"], "LogFormat": "JSON",
        "Contribution": {"Keys": ["$.ip"], "Filters": [{"Match": "$.status", "GreaterThan": 399}]}, "AggregateOn": "Count"})

    def test_rules(self):
        cw, n = client("cloudwatch"), name("rule")
        cw.put_insight_rule(RuleName=n, RuleDefinition=self.RULE, Tags=[{"Key": "team", "Value": "red"}])
        rule = next(r for r in cw.describe_insight_rules()["InsightRules"] if r["Name"] == n)
        self.assertEqual(("ENABLED", self.RULE), (rule["State"], rule["Definition"]))
        self.assertEqual([], cw.disable_insight_rules(RuleNames=[n]).get("Failures", []))
        now = datetime.now(timezone.utc)
        report = cw.get_insight_rule_report(RuleName=n, StartTime=now - timedelta(hours=1), EndTime=now, Period=60)
        self.assertEqual((["$.ip"], []), (report["KeyLabels"], report["Contributors"]))
        arn = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:insight-rule/{n}"
        self.assertEqual([{"Key": "team", "Value": "red"}], cw.list_tags_for_resource(ResourceARN=arn)["Tags"])
        failures = cw.delete_insight_rules(RuleNames=[n, "nobody-made-it"])["Failures"]
        self.assertEqual(["nobody-made-it"], [f["FailureResource"] for f in failures])
        self.refused("InvalidParameterValue", cw.put_insight_rule, RuleName=n, RuleDefinition="{}")

    def test_permission(self):
        iam, user = client("iam"), name("reader")
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("cloudwatch:DescribeInsightRules")))
        cw = client("cloudwatch", iam.create_access_key(UserName=user)["AccessKey"])
        cw.describe_insight_rules()
        self.refused("AccessDenied", cw.put_insight_rule, RuleName="r", RuleDefinition=self.RULE)

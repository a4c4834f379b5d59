"""Zonal shift of the Application Recovery Controller through boto3; the packets are the suite of machines' business."""

import datetime
import time

from cloud import Case, allow, client, name, pileus, policy


class Shifts(Case):
    @classmethod
    def setUpClass(cls):
        cls.arc, cls.elb, cls.ec2, cls.cloudwatch = client("arc-zonal-shift"), client("elbv2"), client("ec2"), client("cloudwatch")
        found = cls.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        cls.subnets = [s["SubnetId"] for s in sorted(found, key=lambda s: s["AvailabilityZone"])][:2]

    def balancer(self, enabled="true"):
        arn = self.elb.create_load_balancer(Name=name("shift"), Subnets=self.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self.addCleanup(self.elb.delete_load_balancer, LoadBalancerArn=arn)
        got = self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "zonal_shift.config.enabled", "Value": enabled}])
        self.assertIn({"Key": "zonal_shift.config.enabled", "Value": enabled}, got["Attributes"])
        return arn

    def start(self, arn, zone="use1-az1", lasts="1h"):
        return self.arc.start_zonal_shift(resourceIdentifier=arn, awayFrom=zone, expiresIn=lasts, comment="boto3")

    def until(self, what, got):
        for _ in range(1200):
            if got():
                return
            time.sleep(0.1)
        self.fail(what)

    def alarm(self):
        alarm = name("outcome")
        self.cloudwatch.put_metric_alarm(
            AlarmName=alarm, Namespace="test", MetricName=alarm, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
        self.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")
        arn = self.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["AlarmArn"]
        return {"type": "CLOUDWATCH", "alarmIdentifier": arn}

    def test_a_shift_from_start_to_end(self):
        arn = self.balancer()
        s = self.start(arn)
        self.assertEqual(("ACTIVE", "use1-az1", arn, "boto3"), (s["status"], s["awayFrom"], s["resourceIdentifier"], s["comment"]))
        self.assertEqual(datetime.timedelta(hours=1), s["expiryTime"] - s["startTime"])
        got = self.arc.get_managed_resource(resourceIdentifier=arn)
        self.assertEqual({"use1-az1": 0.0, "use1-az2": 1.0}, got["appliedWeights"])
        self.assertEqual(("APPLIED", "ZONAL_SHIFT"), (got["zonalShifts"][0]["appliedStatus"], got["zonalShifts"][0]["shiftType"]))
        u = self.arc.update_zonal_shift(zonalShiftId=s["zonalShiftId"], comment="longer", expiresIn="3h")
        self.assertEqual(("longer", s["startTime"]), (u["comment"], u["startTime"]))
        self.assertGreater(u["expiryTime"], s["expiryTime"])
        self.assertEqual("CANCELED", self.arc.cancel_zonal_shift(zonalShiftId=s["zonalShiftId"])["status"])
        pages = self.arc.get_paginator("list_zonal_shifts").paginate(resourceIdentifier=arn, PaginationConfig={"PageSize": 1})
        self.assertEqual([(s["zonalShiftId"], "CANCELED")], [(i["zonalShiftId"], i["status"]) for p in pages for i in p["items"]])

    def test_refusals_tell_their_reason(self):
        arn, plain = self.balancer(), self.balancer("false")
        s = self.start(arn)

        def reason(code, call, **given):
            return self.refused(code, call, **given).response.get("reason")

        given = {"resourceIdentifier": arn, "awayFrom": "use1-az1", "expiresIn": "1h", "comment": "c"}
        for code, why, change in (
            ("ConflictException", "ZonalShiftAlreadyExists", {}),
            ("ConflictException", "SimultaneousZonalShiftsConflict", {"awayFrom": "use1-az2"}),
            ("ValidationException", "InvalidAz", {"awayFrom": "us-east-1a"}),
            ("ValidationException", "UnsupportedAz", {"awayFrom": "use1-az5"}),
            ("ValidationException", "InvalidExpiresIn", {"expiresIn": "4321m"}),
            ("ResourceNotFoundException", None, {"resourceIdentifier": plain}),
        ):
            self.assertEqual(why, reason(code, self.arc.start_zonal_shift, **{**given, **change}))
        self.arc.cancel_zonal_shift(zonalShiftId=s["zonalShiftId"])
        self.assertEqual("ZonalShiftStatusNotActive", reason("ConflictException", self.arc.cancel_zonal_shift, zonalShiftId=s["zonalShiftId"]))

    def test_a_practice_run_and_an_autoshift(self):
        arn = self.balancer()
        self.assertEqual("PracticeConfigurationDoesNotExist", self.refused(
            "ConflictException", self.arc.update_zonal_autoshift_configuration, resourceIdentifier=arn, zonalAutoshiftStatus="ENABLED").response["reason"])
        made = self.arc.create_practice_run_configuration(resourceIdentifier=arn, outcomeAlarms=[self.alarm()], blockedDates=["2031-05-01"])
        self.assertEqual((arn, "DISABLED", ["2031-05-01"]), (made["arn"], made["zonalAutoshiftStatus"], made["practiceRunConfiguration"]["blockedDates"]))
        run = self.arc.start_practice_run(resourceIdentifier=arn, awayFrom="use1-az2", comment="practice")
        self.assertEqual(datetime.timedelta(minutes=30), run["expiryTime"] - run["startTime"])
        weights = lambda: self.arc.get_managed_resource(resourceIdentifier=arn)["appliedWeights"]
        self.until("the practice run takes effect", lambda: weights() == {"use1-az1": 1.0, "use1-az2": 0.0})
        self.assertEqual("CANCELED", self.arc.cancel_practice_run(zonalShiftId=run["zonalShiftId"])["status"])
        self.assertEqual("INTERRUPTED", self.arc.list_zonal_shifts(resourceIdentifier=arn)["items"][0]["practiceRunOutcome"])
        self.arc.update_zonal_autoshift_configuration(resourceIdentifier=arn, zonalAutoshiftStatus="ENABLED")
        pileus("fault", "zone", "us-east-1b", "down")
        self.addCleanup(pileus, "fault", "zone", "us-east-1b", "up")
        self.until("traffic leaves the dark zone", lambda: weights() == {"use1-az1": 1.0, "use1-az2": 0.0})
        self.assertEqual(["use1-az2"], [a["awayFrom"] for a in self.arc.list_autoshifts(status="ACTIVE")["items"]])
        pileus("fault", "zone", "us-east-1b", "up")
        self.until("it returns", lambda: weights() == {"use1-az1": 1.0, "use1-az2": 1.0})
        self.refused("ConflictException", self.arc.delete_practice_run_configuration, resourceIdentifier=arn)
        self.arc.update_zonal_autoshift_configuration(resourceIdentifier=arn, zonalAutoshiftStatus="DISABLED")
        self.arc.delete_practice_run_configuration(resourceIdentifier=arn)

    def test_leave_is_for_a_resource(self):
        arn, other = self.balancer(), self.balancer()
        iam, user = client("iam"), name("shifter")
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("arc-zonal-shift:*", arn)))
        mine = client("arc-zonal-shift", iam.create_access_key(UserName=user)["AccessKey"])
        s = mine.start_zonal_shift(resourceIdentifier=arn, awayFrom="use1-az1", expiresIn="5m", comment="mine")
        self.refused("AccessDeniedException", mine.start_zonal_shift, resourceIdentifier=other, awayFrom="use1-az1", expiresIn="5m", comment="not mine")
        foreign = self.start(other)
        self.refused("AccessDeniedException", mine.cancel_zonal_shift, zonalShiftId=foreign["zonalShiftId"])
        mine.cancel_zonal_shift(zonalShiftId=s["zonalShiftId"])

    def test_observer_notifications(self):
        self.assertEqual("DISABLED", self.arc.get_autoshift_observer_notification_status()["status"])
        self.assertEqual("ENABLED", self.arc.update_autoshift_observer_notification_status(status="ENABLED")["status"])
        self.assertEqual("ENABLED", self.arc.get_autoshift_observer_notification_status()["status"])

"""EC2's networks through boto3, on a simulated plane."""

import itertools

from cloud import Case, client, name

# An account has five VPCs a region, so tests that make some take turns.
REGIONS = itertools.cycle(["us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"])


def tagged(kind, **tags):
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]


def named(**filters):
    """Filters of a describe call: tag_Name="x" is tag:Name, vpc_id is vpc-id."""
    return [{"Name": k.replace("tag_", "tag:", 1).replace("_", "-"), "Values": v if isinstance(v, list) else [v]}
            for k, v in filters.items()]


class EC2(Case):
    def setUp(self):
        self.region = next(REGIONS)
        self.ec2 = client("ec2", region_name=self.region)

    def network(self, cidr="10.0.0.0/16"):
        vpc = self.ec2.create_vpc(CidrBlock=cidr, TagSpecifications=tagged("vpc", Name=name("vpc")))["Vpc"]["VpcId"]
        self.ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
        return vpc

    def subnet(self, vpc, cidr="10.0.1.0/24", zone="a"):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=self.region + zone)["Subnet"]["SubnetId"]


class Networks(EC2):
    def test_default(self):
        vpc = self.ec2.describe_vpcs(Filters=named(is_default="true"))["Vpcs"][0]
        self.assertEqual("172.31.0.0/16", vpc["CidrBlock"])
        subnets = self.ec2.describe_subnets(Filters=named(vpc_id=vpc["VpcId"], default_for_az="true"))["Subnets"]
        zones = self.ec2.describe_availability_zones()["AvailabilityZones"]
        self.assertCountEqual([z["ZoneName"] for z in zones], [s["AvailabilityZone"] for s in subnets])
        self.assertTrue(all(s["AvailableIpAddressCount"] > 4000 and s["MapPublicIpOnLaunch"] for s in subnets))

    def test_vpc(self):
        vpc = self.network()
        self.refused("DryRunOperation", self.ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
        self.refused("InvalidVpc.Range", self.ec2.create_vpc, CidrBlock="10.0.0.0/15")
        self.refused("InvalidVpcID.NotFound", self.ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"])
        self.refused("InvalidVpcID.NotFound", self.ec2.delete_vpc, VpcId="vpc-0123456789abcdef0")
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        got = self.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
        self.assertTrue(got["EnableDnsHostnames"]["Value"])
        more = self.ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
        blocks = self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlockAssociationSet"]
        self.assertCountEqual(["10.0.0.0/16", "10.1.0.0/16"], [b["CidrBlock"] for b in blocks])
        self.ec2.disassociate_vpc_cidr_block(AssociationId=more["AssociationId"])
        subnet = self.subnet(vpc)
        self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=vpc)
        self.ec2.delete_subnet(SubnetId=subnet)
        self.ec2.delete_vpc(VpcId=vpc)
        self.assertEqual([], self.ec2.describe_vpcs(Filters=named(vpc_id=vpc))["Vpcs"])

    def test_subnets(self):
        vpc = self.network()
        a = self.subnet(vpc)
        got = self.ec2.describe_subnets(SubnetIds=[a])["Subnets"][0]
        self.assertEqual((251, self.region + "a", False), (got["AvailableIpAddressCount"], got["AvailabilityZone"], got["MapPublicIpOnLaunch"]))
        for code, cidr in [("InvalidSubnet.Conflict", "10.0.1.128/25"), ("InvalidSubnet.Range", "10.9.0.0/24"), ("InvalidSubnet.Range", "10.0.2.0/29")]:
            with self.subTest(cidr):
                self.refused(code, self.ec2.create_subnet, VpcId=vpc, CidrBlock=cidr)
        self.refused("InvalidSubnetID.NotFound", self.ec2.delete_subnet, SubnetId="subnet-0123456789abcdef0")
        for n in range(2, 9):
            self.subnet(vpc, f"10.0.{n}.0/24", "b")
        pages = list(self.ec2.get_paginator("describe_subnets").paginate(Filters=named(vpc_id=vpc), PaginationConfig={"PageSize": 5}))
        self.assertEqual([5, 3], [len(p["Subnets"]) for p in pages])
        self.assertEqual(7, len(self.ec2.describe_subnets(Filters=named(vpc_id=vpc, availability_zone=self.region + "b"))["Subnets"]))
        self.assertEqual(8, len(self.ec2.describe_subnets(Filters=named(vpc_id=vpc, cidr_block="10.0.*"))["Subnets"]))

    def test_routes(self):
        vpc = self.network()
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        self.refused("Resource.AlreadyAssociated", self.ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        other = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        subnet = self.subnet(vpc)
        eni = self.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("RouteAlreadyExists", self.ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=eni)
        self.refused("InvalidRouteTableID.NotFound", self.ec2.create_route, RouteTableId="rtb-0123456789abcdef0", DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.refused("InvalidInternetGatewayID.NotFound", self.ec2.delete_internet_gateway, InternetGatewayId="igw-0123456789abcdef0")
        self.refused("Gateway.NotAttached", self.ec2.detach_internet_gateway, InternetGatewayId=other, VpcId=vpc)
        association = self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
        self.refused("DependencyViolation", self.ec2.delete_route_table, RouteTableId=table)
        found = self.ec2.describe_route_tables(Filters=named(**{"association.subnet_id": subnet}))["RouteTables"]
        self.assertEqual([table], [t["RouteTableId"] for t in found])
        self.assertCountEqual([("10.0.0.0/16", "active"), ("0.0.0.0/0", "active")],
                              [(r["DestinationCidrBlock"], r["State"]) for r in found[0]["Routes"]])
        self.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
        self.refused("InvalidRoute.NotFound", self.ec2.delete_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
        self.ec2.disassociate_route_table(AssociationId=association)
        self.ec2.delete_route_table(RouteTableId=table)
        self.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)

    def test_groups(self):
        vpc = self.network()
        n = name("group")
        group = self.ec2.create_security_group(GroupName=n, Description="d", VpcId=vpc)["GroupId"]
        self.refused("InvalidGroup.Duplicate", self.ec2.create_security_group, GroupName=n, Description="d", VpcId=vpc)
        self.ec2.get_waiter("security_group_exists").wait(GroupIds=[group])
        web = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "web"}]}]
        rule = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=web, TagSpecifications=tagged("security-group-rule", team="red"))
        rule = rule["SecurityGroupRules"][0]
        self.assertEqual(("0.0.0.0/0", 80, False), (rule["CidrIpv4"], rule["FromPort"], rule["IsEgress"]))
        self.refused("InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=web)
        found = self.ec2.describe_security_group_rules(Filters=named(group_id=group, tag_team="red"))["SecurityGroupRules"]
        self.assertEqual([rule["SecurityGroupRuleId"]], [r["SecurityGroupRuleId"] for r in found])
        self.ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        self.assertEqual([], self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"])
        default = self.ec2.describe_security_groups(Filters=named(vpc_id=vpc, group_name="default"))["SecurityGroups"][0]["GroupId"]
        self.refused("CannotDelete", self.ec2.delete_security_group, GroupId=default)
        self.ec2.delete_security_group(GroupId=group)
        self.refused("InvalidGroup.NotFound", self.ec2.describe_security_groups, GroupIds=[group])

    def test_interfaces_and_addresses(self):
        vpc = self.network()
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        subnet = self.subnet(vpc)
        token = name("token")
        eni = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.1.10", ClientToken=token)["NetworkInterface"]
        again = self.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.0.1.10", ClientToken=token)["NetworkInterface"]
        self.assertEqual(eni["NetworkInterfaceId"], again["NetworkInterfaceId"])
        eni = eni["NetworkInterfaceId"]
        self.ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[eni])
        self.refused("InvalidIPAddress.InUse", self.ec2.create_network_interface, SubnetId=subnet, PrivateIpAddress="10.0.1.10")
        address = self.ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name="a"))
        done = self.ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=eni)
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=address["AllocationId"])
        got = self.ec2.describe_addresses(Filters=named(network_interface_id=eni))["Addresses"][0]
        self.assertEqual((address["PublicIp"], "10.0.1.10", done["AssociationId"]), (got["PublicIp"], got["PrivateIpAddress"], got["AssociationId"]))
        self.ec2.disassociate_address(AssociationId=done["AssociationId"])
        self.ec2.release_address(AllocationId=address["AllocationId"])
        self.refused("InvalidAllocationID.NotFound", self.ec2.release_address, AllocationId=address["AllocationId"])
        self.ec2.delete_network_interface(NetworkInterfaceId=eni)
        self.refused("InvalidNetworkInterfaceID.NotFound", self.ec2.describe_network_interfaces, NetworkInterfaceIds=[eni])

    def test_nat(self):
        subnet = self.subnet(self.network())
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        token = name("token")
        nat = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken=token)["NatGateway"]["NatGatewayId"]
        self.assertEqual(nat, self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken=token)["NatGateway"]["NatGatewayId"])
        self.refused("IdempotentParameterMismatch", self.ec2.create_nat_gateway, SubnetId=subnet, ConnectivityType="private", ClientToken=token)
        waited = self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]
        self.assertIn(waited["State"], ("pending", "available", "failed"))
        self.ec2.delete_nat_gateway(NatGatewayId=nat)
        self.ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat], WaiterConfig={"Delay": 1})
        self.refused("NatGatewayNotFound", self.ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"])

    def test_peering(self):
        one, two = self.network("10.0.0.0/16"), self.network("10.1.0.0/16")
        peering = self.ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=two)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[peering])
        got = self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)["VpcPeeringConnection"]
        self.assertIn(got["Status"]["Code"], ("provisioning", "active"))
        self.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
        self.ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[peering], WaiterConfig={"Delay": 1})


class Tags(EC2):
    def test_tags(self):
        vpc, value = self.network(), name("value")
        self.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": value}, {"Key": "empty", "Value": ""}])
        found = self.ec2.describe_vpcs(Filters=named(tag_team=value))["Vpcs"]
        self.assertEqual([vpc], [v["VpcId"] for v in found])
        self.assertEqual({vpc}, {t["ResourceId"] for t in self.ec2.describe_tags(Filters=named(key="team", value=value))["Tags"]})
        self.ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "another"}])
        self.assertEqual(1, len(self.ec2.describe_vpcs(Filters=named(tag_team=value))["Vpcs"]))
        self.ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team"}])
        self.assertEqual([], self.ec2.describe_vpcs(Filters=named(tag_team=value))["Vpcs"])
        self.refused("InvalidParameterValue", self.ec2.create_tags, Resources=[vpc], Tags=[{"Key": "aws:mine", "Value": ""}])
        self.refused("InvalidVpcID.NotFound", self.ec2.create_tags, Resources=["vpc-0123456789abcdef0"], Tags=[{"Key": "k", "Value": ""}])

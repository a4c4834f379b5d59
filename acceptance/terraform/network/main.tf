# A VPC as one builds it for a real application: public and private subnets
# over three zones, NAT, network ACLs, endpoints, flow logs, a VPN.
variable "web_port" {
  type    = number
  default = 80
}

data "aws_region" "here" {}
data "aws_availability_zones" "up" { state = "available" }

locals { zones = slice(data.aws_availability_zones.up.names, 0, 3) }

resource "aws_vpc" "main" {
  cidr_block                       = "10.0.0.0/16"
  enable_dns_hostnames             = true
  assign_generated_ipv6_cidr_block = true
  tags                             = { Name = "main" }
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.1.0.0/16"
}

resource "aws_subnet" "public" {
  for_each                = toset(local.zones)
  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, index(local.zones, each.key))
  ipv6_cidr_block         = cidrsubnet(aws_vpc.main.ipv6_cidr_block, 8, index(local.zones, each.key))
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private" {
  for_each          = toset(local.zones)
  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, 10 + index(local.zones, each.key))
}

resource "aws_subnet" "second_range" {
  vpc_id            = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  availability_zone = local.zones[0]
  cidr_block        = "10.1.1.0/24"
}

resource "aws_internet_gateway" "main" { vpc_id = aws_vpc.main.id }
resource "aws_egress_only_internet_gateway" "main" { vpc_id = aws_vpc.main.id }

resource "aws_eip" "nat" {
  domain     = "vpc"
  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[local.zones[0]].id
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
  route {
    ipv6_cidr_block        = "::/0"
    egress_only_gateway_id = aws_egress_only_internet_gateway.main.id
  }
}

resource "aws_route_table" "private" { vpc_id = aws_vpc.main.id }

resource "aws_route" "out" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_main_route_table_association" "main" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.private.id
}

resource "aws_network_acl" "private" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [for s in aws_subnet.private : s.id]
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = var.web_port
    to_port    = var.web_port
    cidr_block = "10.0.0.0/8"
  }
  ingress {
    rule_no    = 110
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = "0.0.0.0/0"
  }
  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    from_port  = 0
    to_port    = 0
    cidr_block = "0.0.0.0/0"
  }
}

# A list of its own: the provider lets a list have rules within it or beside it,
# not both.
resource "aws_network_acl" "spare" { vpc_id = aws_vpc.main.id }

resource "aws_network_acl_rule" "ping" {
  network_acl_id = aws_network_acl.spare.id
  rule_number    = 120
  rule_action    = "deny"
  protocol       = "icmp"
  icmp_type      = 8
  icmp_code      = -1
  cidr_block     = "0.0.0.0/0"
}

resource "aws_default_security_group" "closed" { vpc_id = aws_vpc.main.id }

resource "aws_security_group" "balancer" {
  name        = "balancer"
  description = "what the world reaches"
  vpc_id      = aws_vpc.main.id
  ingress {
    from_port        = 443
    to_port          = 443
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "web" {
  name_prefix = "web-"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id            = aws_security_group.web.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.web_port
  to_port                      = var.web_port
  description                  = "from the balancer"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.web.id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = 5
  entry {
    cidr        = "192.0.2.0/24"
    description = "head office"
  }
}

resource "aws_security_group_rule" "offices" {
  type              = "ingress"
  security_group_id = aws_security_group.web.id
  prefix_list_ids   = [aws_ec2_managed_prefix_list.offices.id]
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = "com.amazonaws.${data.aws_region.here.name}.s3"
  route_table_ids = [aws_route_table.private.id]
}

resource "aws_vpc_endpoint" "sqs" {
  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${data.aws_region.here.name}.sqs"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for s in aws_subnet.private : s.id]
  security_group_ids  = [aws_security_group.web.id]
  private_dns_enabled = true
}

resource "aws_vpc_dhcp_options" "own" {
  domain_name         = "example.internal"
  domain_name_servers = ["AmazonProvidedDNS"]
}

resource "aws_vpc_dhcp_options_association" "own" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.own.id
}

resource "aws_s3_bucket" "flows" {
  bucket        = "tf-flow-logs"
  force_destroy = true
}

resource "aws_flow_log" "all" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = aws_s3_bucket.flows.arn
  max_aggregation_interval = 60
}

resource "aws_network_interface" "second" {
  subnet_id       = aws_subnet.private[local.zones[1]].id
  private_ips     = ["10.0.11.50", "10.0.11.51"]
  security_groups = [aws_security_group.web.id]
}

resource "aws_customer_gateway" "office" {
  bgp_asn    = 65010
  ip_address = "198.19.1.10"
  type       = "ipsec.1"
}

resource "aws_vpn_gateway" "main" { vpc_id = aws_vpc.main.id }

resource "aws_vpn_connection" "office" {
  customer_gateway_id = aws_customer_gateway.office.id
  vpn_gateway_id      = aws_vpn_gateway.main.id
  type                = "ipsec.1"
  static_routes_only  = true
}

resource "aws_vpn_connection_route" "office" {
  vpn_connection_id      = aws_vpn_connection.office.id
  destination_cidr_block = "192.168.10.0/24"
}

resource "aws_vpn_gateway_route_propagation" "private" {
  vpn_gateway_id = aws_vpn_gateway.main.id
  route_table_id = aws_route_table.private.id
}

# Two VPCs that are peered, with routes both ways and a group of one that lets
# in a group of the other.
variable "dns" {
  type    = bool
  default = false
}

resource "aws_vpc" "pair" {
  for_each             = { left = "10.10.0.0/16", right = "10.20.0.0/16" }
  cidr_block           = each.value
  enable_dns_hostnames = true
}

resource "aws_subnet" "pair" {
  for_each   = aws_vpc.pair
  vpc_id     = each.value.id
  cidr_block = cidrsubnet(each.value.cidr_block, 8, 1)
}

resource "aws_vpc_peering_connection" "pair" {
  vpc_id      = aws_vpc.pair["left"].id
  peer_vpc_id = aws_vpc.pair["right"].id
  auto_accept = true
  requester { allow_remote_vpc_dns_resolution = var.dns }
  accepter { allow_remote_vpc_dns_resolution = var.dns }
}

resource "aws_route" "left" {
  route_table_id            = aws_vpc.pair["left"].main_route_table_id
  destination_cidr_block    = aws_vpc.pair["right"].cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.pair.id
}

resource "aws_route" "right" {
  route_table_id            = aws_vpc.pair["right"].main_route_table_id
  destination_cidr_block    = aws_vpc.pair["left"].cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.pair.id
}

resource "aws_security_group" "left" {
  name   = "left"
  vpc_id = aws_vpc.pair["left"].id
}

resource "aws_security_group" "right" {
  name       = "right"
  vpc_id     = aws_vpc.pair["right"].id
  depends_on = [aws_vpc_peering_connection.pair]
  ingress {
    protocol        = "tcp"
    from_port       = 5432
    to_port         = 5432
    security_groups = [aws_security_group.left.id]
  }
}

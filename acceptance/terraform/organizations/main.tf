variable "denied" {
  type    = string
  default = "s3:DeleteBucket"
}

resource "aws_organizations_organization" "org" {
  feature_set                   = "ALL"
  enabled_policy_types          = ["SERVICE_CONTROL_POLICY"]
  aws_service_access_principals = ["cloudtrail.amazonaws.com"]
}

resource "aws_organizations_organizational_unit" "workloads" {
  name      = "Workloads"
  parent_id = aws_organizations_organization.org.roots[0].id
  tags      = { kind = "unit" }
}

resource "aws_organizations_organizational_unit" "prod" {
  name      = "Prod"
  parent_id = aws_organizations_organizational_unit.workloads.id
}

resource "aws_organizations_account" "prod" {
  name      = "prod"
  email     = "prod@example.com"
  parent_id = aws_organizations_organizational_unit.prod.id
  role_name = "OrganizationAccountAccessRole"
}

resource "aws_organizations_policy" "deny" {
  depends_on  = [aws_organizations_organization.org]
  name        = "keep"
  description = "buckets stay"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = var.denied, Resource = "*" }]
  })
}

resource "aws_organizations_policy_attachment" "unit" {
  policy_id = aws_organizations_policy.deny.id
  target_id = aws_organizations_organizational_unit.workloads.id
}

resource "aws_organizations_policy_attachment" "account" {
  policy_id = aws_organizations_policy.deny.id
  target_id = aws_organizations_account.prod.id
}

data "aws_organizations_organizational_units" "under" {
  parent_id = aws_organizations_organization.org.roots[0].id
}

output "member" { value = aws_organizations_account.prod.id }

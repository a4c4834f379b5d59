variable "session_seconds" {
  type    = number
  default = 3600
}

resource "aws_iam_user" "alice" {
  name                 = "tf-alice"
  path                 = "/staff/"
  force_destroy        = true
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
  tags                 = { team = "red" }
}

resource "aws_iam_user" "bob" { name = "tf-bob" }

resource "aws_iam_group" "writers" {
  name = "tf-writers"
  path = "/teams/"
}

resource "aws_iam_group_membership" "writers" {
  name  = "writers"
  group = aws_iam_group.writers.name
  users = [aws_iam_user.alice.name, aws_iam_user.bob.name]
}

resource "aws_iam_group" "readers" { name = "tf-readers" }

resource "aws_iam_user_group_membership" "bob" {
  user   = aws_iam_user.bob.name
  groups = [aws_iam_group.readers.name]
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetObject"]
    resources = ["*"]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["home/&{aws:username}/*"]
    }
  }
}

resource "aws_iam_policy" "read" {
  name        = "tf-read"
  path        = "/own/"
  description = "reads"
  policy      = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group_policy_attachment" "readers" {
  group      = aws_iam_group.readers.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user_policy" "alice" {
  name   = "own"
  user   = aws_iam_user.alice.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = aws_iam_role.machine.arn }] })
}

resource "aws_iam_group_policy" "writers" {
  name   = "own"
  group  = aws_iam_group.writers.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:PutObject", Resource = "*" }] })
}

resource "aws_iam_access_key" "alice" { user = aws_iam_user.alice.name }
resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = "Inactive"
}

resource "aws_iam_user_login_profile" "alice" {
  depends_on              = [aws_iam_account_password_policy.strict]
  user                    = aws_iam_user.alice.name
  password_length         = 24
  password_reset_required = true
}

resource "aws_iam_role" "machine" {
  name                 = "tf-machine"
  description          = "for machines"
  max_session_duration = var.session_seconds
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow", Action = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com", AWS = aws_iam_user.alice.arn }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "machine" {
  role       = aws_iam_role.machine.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "machine" {
  name   = "own"
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_instance_profile" "machine" {
  name = "tf-machine"
  role = aws_iam_role.machine.name
}

resource "aws_iam_service_linked_role" "scaling" {
  aws_service_name = "autoscaling.amazonaws.com"
}

resource "aws_iam_account_alias" "alias" { account_alias = "tf-acceptance" }

resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length        = 14
  require_lowercase_characters   = true
  require_uppercase_characters   = true
  require_numbers                = true
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 5
}

resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://token.ci.example.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}

resource "aws_iam_role" "ci" {
  name = "tf-ci"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow", Action = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = aws_iam_openid_connect_provider.ci.arn }
      Condition = { StringEquals = { "token.ci.example.com:aud" = "sts.amazonaws.com" } }
    }]
  })
}

resource "aws_iam_saml_provider" "idp" {
  name                   = "tf-idp"
  saml_metadata_document = file("${path.module}/idp.xml")
}

resource "aws_iam_virtual_mfa_device" "alice" { virtual_mfa_device_name = "tf-alice" }

resource "aws_iam_user_ssh_key" "alice" {
  username   = aws_iam_user.alice.name
  encoding   = "SSH"
  public_key = trimspace(file("${path.module}/alice.pub"))
}

resource "aws_iam_service_specific_credential" "alice" {
  service_name = "codecommit.amazonaws.com"
  user_name    = aws_iam_user.alice.name
}

resource "aws_iam_server_certificate" "web" {
  name             = "tf-web"
  certificate_body = file("${path.module}/web.crt")
  private_key      = file("${path.module}/web.key")
}

data "aws_iam_policy" "admin" { arn = "arn:aws:iam::aws:policy/AdministratorAccess" }
data "aws_iam_role" "machine" { name = aws_iam_role.machine.name }
data "aws_iam_user" "alice" { user_name = aws_iam_user.alice.name }
data "aws_iam_session_context" "me" { arn = data.aws_caller_identity.me.arn }
data "aws_iam_principal_policy_simulation" "writer" {
  depends_on        = [aws_iam_group_membership.writers, aws_iam_group_policy.writers]
  policy_source_arn = aws_iam_user.bob.arn
  action_names      = ["s3:PutObject"]
}

output "account" { value = data.aws_caller_identity.me.account_id }
output "bob_may_write" { value = data.aws_iam_principal_policy_simulation.writer.all_allowed }

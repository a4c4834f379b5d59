# shellcheck shell=bash
# Where the AWS provider comes from: a mirror on this machine if there is one,
# else the registry.

# mirror_of NAMESPACE/TYPE prints the first folder that holds the provider.
mirror_of() {
  local d
  for d in ${TF_PLUGIN_MIRROR:-} "$HOME/.terraform.d/plugins" ~+/terraform.d/plugins \
    /usr/share/terraform/plugins /usr/share/terraform/providers /usr/local/share/terraform/plugins /opt/*plugins* /opt/*mirror*; do
    if [ -d "$d/registry.terraform.io/$1" ]; then
      echo "$d"
      return
    fi
  done
  return 1
}

# provider_settings FILE writes Terraform's CLI configuration for this run and
# points TF_CLI_CONFIG_FILE at it; it fails where there is no provider to be had.
provider_settings() {
  local d
  if d=$(mirror_of hashicorp/aws); then
    cat >"$1" <<RC
provider_installation {
  filesystem_mirror {
    path = "$d"
  }
}
RC
  elif [ -n "${TF_CLI_CONFIG_FILE:-}" ] && [ -s "$TF_CLI_CONFIG_FILE" ]; then
    [ "$TF_CLI_CONFIG_FILE" = "$1" ] || cp "$TF_CLI_CONFIG_FILE" "$1"
  elif curl -sf -m 10 -o /dev/null https://registry.terraform.io/.well-known/terraform.json; then
    mkdir -p "$WORK/plugin-cache"
    echo "plugin_cache_dir = \"$WORK/plugin-cache\"" >"$1"
  else
    return 1
  fi
  export TF_CLI_CONFIG_FILE=$1 CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
}

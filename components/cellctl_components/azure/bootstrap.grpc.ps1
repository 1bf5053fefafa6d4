if (-not (Get-NetFirewallRule -Name 'cellctl-8443' -ErrorAction SilentlyContinue)) {
    New-NetFirewallRule -Name 'cellctl-8443' -DisplayName 'Octopus 8443' -Direction Inbound -Protocol TCP -LocalPort 8443 -Action Allow | Out-Null
}

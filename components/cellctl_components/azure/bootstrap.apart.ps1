# Shares in storage accounts apart are mapped first, each with a key of its own account.
foreach ($apart in $facts.accounts.PSObject.Properties) {
    Assert-Private $apart.Name
    Wait-Port $apart.Name 445
    $keys = Invoke-RestMethod -Method Post -Headers $arm "https://management.azure.com$($apart.Value)/listKeys?api-version=2024-01-01"
    $user = "localhost\$($apart.Value.Split('/')[-1])"
    $own = [pscredential]::new($user, (ConvertTo-SecureString $keys.keys[0].value -AsPlainText -Force))
    $keys = $null
    foreach ($unc in @($facts.shares.PSObject.Properties.Value) -like "\\$($apart.Name)\*") {
        if (-not (Get-SmbGlobalMapping -RemotePath $unc -ErrorAction SilentlyContinue)) {
            New-SmbGlobalMapping -RemotePath $unc -Credential $own -Persistent $true -RequirePrivacy $true | Out-Null
        }
    }
    $own = $null
}

# Shares in storage accounts apart are there too.
foreach ($name in $facts.accounts.PSObject.Properties.Name) {
    Assert-Private $name
    Wait-Port $name 445
}

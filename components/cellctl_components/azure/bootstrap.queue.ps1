# Nodes share a queue of polling Tentacles, and what Octopus keeps besides for all of them. Its key is the queue's own.
Assert-Private $facts.queue_host
Wait-Port $facts.queue_host $facts.queue_port
$keys = Invoke-RestMethod -Method Post -Headers @{ Authorization = "Bearer $(Get-Token 'https://management.azure.com/')" } `
    "https://management.azure.com$($facts.queue_id)/listKeys?api-version=2025-07-01"
$queue = "$($facts.queue_host):$($facts.queue_port),ssl=true,password=$($keys.primaryKey)"
$keys = $null
if ($facts.first) { Invoke-Octopus path --instance $instance --clusterShared $facts.shares.cluster | Out-Null }
Invoke-Octopus configure --instance $instance "--multiNodePollingTentaclesRedisConnectionString=$queue" | Out-Null
$queue = $null


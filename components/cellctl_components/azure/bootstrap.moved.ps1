if ($moves) {
    Restart-Service OctopusDeploy
    Invoke-Octopus node --instance $instance '--drain=false' | Out-Null
}
Set-Content $userFile $facts.sql_password_secret

cat > /etc/systemd/system/octopus.service <<'UNIT'
[Unit]
Description=Octopus Server
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/local/sbin/octopus-node files
ExecStart=/usr/local/sbin/octopus-node run
ExecStop=/usr/bin/docker stop --time 600 octopus
Restart=always
RestartSec=15
TimeoutStartSec=infinity
TimeoutStopSec=660

[Install]
WantedBy=multi-user.target
UNIT

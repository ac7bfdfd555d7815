{{/* What the app's own container needs beside a sidecar, for charts that have a Deployment of their own. */}}

{{/* Items of the app's volumeMounts: its session folders, and for PHP an ini file that tells it where they are. */}}
{{- define "unstick.app.volumeMounts" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{- include "unstick.folders.mounts" $scope | trim -}}
{{- if $scope.php }}
- { name: unstick-php, mountPath: /etc/unstick/php, readOnly: true }
{{- end }}
{{- end -}}

{{/* Items of the app's env. PHP reads the folder after its own, which the empty name before the colon stands for. */}}
{{- define "unstick.app.env" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{- if $scope.php -}}
- name: PHP_INI_SCAN_DIR
  value: ":/etc/unstick/php"
{{- end }}
{{- end -}}

{{/* The app's lifecycle: the wait that is explained above unstick.container. */}}
{{- define "unstick.app.lifecycle" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
preStop:
  {{- include "unstick.sleep" (dict "scope" $scope "seconds" (include "unstick.app.waitSeconds" $scope)) | nindent 2 }}
{{- end -}}

{{/* Beside a plain container, for what it takes to drain and, past that, to say its last words. */}}
{{- define "unstick.app.waitSeconds" -}}
{{- $shutdown := .values.shutdown -}}
{{- if .native -}}
{{ int $shutdown.endpointsSeconds }}
{{- else -}}
{{ add $shutdown.endpointsSeconds $shutdown.drainSeconds 2 }}
{{- end -}}
{{- end -}}

{{/* terminationGracePeriodSeconds: both waits, the app's own end, and the sidecar's after it. */}}
{{- define "unstick.terminationSeconds" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{- $shutdown := $scope.values.shutdown -}}
{{ add $shutdown.endpointsSeconds $shutdown.drainSeconds $shutdown.appSeconds 5 }}
{{- end -}}

{{/* The pod's fsGroup, so that a volume belongs to the user that app and sidecar run as. */}}
{{- define "unstick.fsGroup" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
{{ $scope.group }}
{{- end -}}

{{/* The ConfigMap with the sidecar's configuration: {{ include "unstick.config" . }}. */}}
{{- define "unstick.config" -}}
{{- $scope := dict "given" . -}}
{{- include "unstick.scope" $scope -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $scope.configMap }}
  namespace: {{ $scope.root.Release.Namespace }}
  labels:
    {{- include "unstick.labels" $scope | nindent 4 }}
data:
  {{- include "unstick.config.data" $scope | nindent 2 }}
{{- end -}}

{{- define "unstick.config.data" -}}
unstick.yaml: |
  {{- include "unstick.config.yaml" . | nindent 2 }}
{{- if .php }}
php.ini: |
  ; Where the sidecar looks, and with PHP's own garbage collection: no cron job clears the folder of a container.
  session.save_handler = files
  session.save_path = {{ first .folders }}
  session.gc_probability = 1
  session.gc_divisor = 1000
  ; The sidecar keeps files in use fresh with each request, so that only one which lasts longer than this could lose its file, and so its login.
  ; How long a session may be idle is the sidecar's to say (session.idleTimeout).
  session.gc_maxlifetime = 86400
{{- end }}
{{- end -}}

{{- define "unstick.config.checksum" -}}
{{ include "unstick.config.data" . | sha256sum | trunc 16 | quote }}
{{- end -}}

{{/* unstick.yaml: what the chart knows, and what the values add. Secrets come in as environment variables. */}}
{{- define "unstick.config.yaml" -}}
{{- $v := .values -}}
{{- $written := dict
  "listen" (printf "0.0.0.0:%d" (int $v.sidecar.port))
  "upstream" (printf "http://127.0.0.1:%d" (int $v.app.port))
  "store" (empty $v.store.existingSecret | ternary $v.store.url "${UNSTICK_STORE}")
  "admin" (dict "listen" (printf "0.0.0.0:%d" (int $v.sidecar.adminPort)))
  "limits" (dict "drain" (printf "%ds" (int $v.shutdown.drainSeconds))) -}}
{{- if $v.app.kind -}}
{{- $_ := set $written "app" $v.app.kind -}}
{{- end -}}
{{- $given := deepCopy $v.config -}}
{{- include "unstick.config.words" $given -}}
{{- mergeOverwrite $given $written | toYaml -}}
{{- end -}}

{{/* Helm reads YAML 1.1, in which a plain on or off is a boolean, also as a key. What meant a word becomes one again. */}}
{{- define "unstick.config.words" -}}
{{- range $route := .routes -}}
{{- range $key := list "session" "lock" -}}
{{- if kindIs "bool" (get $route $key) -}}
{{- $_ := set $route $key (get $route $key | ternary "on" "off") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $headers := (.carriers | default dict).headers | default dict -}}
{{- range $rule := $headers.capture -}}
{{- if hasKey $rule "true" -}}
{{- $_ := set $rule "on" (get $rule "true") -}}
{{- $_ := unset $rule "true" -}}
{{- end -}}
{{- end -}}
{{- end -}}

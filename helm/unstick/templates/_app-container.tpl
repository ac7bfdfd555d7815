{{/* The app of app.image: what the values say of it, and what its sidecar needs of it. */}}
{{- define "unstick.appContainer" -}}
{{- $app := .Values.app -}}
- name: app
  image: {{ $app.image }}
  imagePullPolicy: {{ $app.imagePullPolicy }}
  {{- range $key := list "command" "args" "envFrom" }}
  {{- with get $app $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $env := include "unstick.app.env" . }}
  {{- if or $env $app.env }}
  env:
    {{- with $env }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $app.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  ports:
    - { name: app, containerPort: {{ $app.port }}, protocol: TCP }
  lifecycle:
    {{- if $app.lifecycle }}
    {{- toYaml $app.lifecycle | nindent 4 }}
    {{- else }}
    {{- include "unstick.app.lifecycle" . | nindent 4 }}
    {{- end }}
  {{- range $key := list "startupProbe" "livenessProbe" "readinessProbe" "securityContext" "resources" }}
  {{- with get $app $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $mounts := include "unstick.app.volumeMounts" . }}
  {{- if or $mounts $app.volumeMounts }}
  volumeMounts:
    {{- with $mounts }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $app.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}

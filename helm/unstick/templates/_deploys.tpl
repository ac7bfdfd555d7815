{{/* Whether this chart makes the Deployment itself. Installed by itself it has to; under another chart it may be there for its templates only. */}}
{{- define "unstick.deploys" -}}
{{- if .Values.app.image -}}
true
{{- else if .Chart.IsRoot -}}
{{- fail "No app: set app.image to the image of your app. A chart of your own that only needs the sidecar has this one as a dependency." -}}
{{- end -}}
{{- end -}}
